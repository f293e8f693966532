"""What the trust controller logs: each step, and what it found when that is not as before."""

from collections.abc import Iterable
from typing import Any

import structlog

from agent.errors import Problem
from agent.planning.trust_report import TrustReport, told
from agent.reporting.texts import problem_object


class TrustJournal:
    """Logs the reports of one process."""

    def __init__(self) -> None:
        self._log: Any = structlog.get_logger()
        self._last: object = None

    def reported(self, report: TrustReport) -> None:
        """A pass; silent where nothing was done and nothing is new."""
        for step in report.done:
            self._log.info(told(step))
        self._say("looked", report.problems, progress=report.progress)

    def troubled(self, problem: Problem) -> None:
        """A pass that came to nothing; once, until that changes."""
        self._say("came to nothing", [problem])

    def _say(self, event: str, problems: Iterable[Problem], **more: str) -> None:
        found = [problem_object(problem) for problem in problems]
        if (event, found, more) == self._last:
            return
        self._last = (event, found, more)
        log = self._log.warning if found else self._log.info
        log(event, problems=found, **more)
