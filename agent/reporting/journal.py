"""What `run` logs: one line for a pass that changed something, or found something else than before.

A pass that found all as it was says nothing: on 5,000 nodes that line would be most of the log.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from agent.errors import Problem
from agent.planning.outcome import Outcome
from agent.planning.removal import Removal
from agent.reporting.texts import problem_object, removal_lines


class Journal:
    """Logs the outcomes of one process."""

    def __init__(self) -> None:
        self._log: Any = structlog.get_logger()
        self._last: Mapping[str, object] = {}

    def started(self, settings: Mapping[str, str]) -> None:
        """The process begins, with these settings."""
        self._log.info("started", **settings)

    def say(self, sentence: str) -> None:
        """Something worth knowing that is no problem of a pass."""
        self._log.warning(sentence)

    def problem(self, problem: Problem) -> None:
        """A problem outside of any pass."""
        self._log.error("problem", **problem_object(problem))

    def pass_ended(self, outcome: Outcome) -> None:
        """A pass, if it changed something or its findings differ from the last one's."""
        findings = _findings(outcome)
        if not outcome.changed and findings == self._last:
            return
        self._last = findings
        log = self._log.info if outcome.in_sync else self._log.warning
        log("pass ended", changed=outcome.changed, seconds=round(outcome.seconds, 3), **findings)

    def put_back(self, removal: Removal) -> None:
        """The node is as it was before the agent, but for what others changed."""
        left = [problem_object(problem) for problem in removal.left]
        self._log.info("put back", changed=removal_lines(removal), left=left)

    def stopped(self) -> None:
        """The process ends, as it was asked to."""
        self._log.info("stopped")

    def crashed(self, error: BaseException) -> None:
        """A bug: the process ends."""
        self._log.critical("crashed", exc_info=error)


def _findings(outcome: Outcome) -> Mapping[str, object]:
    return {
        "in_sync": outcome.in_sync,
        "problems": [problem_object(problem) for problem in _by_reason(outcome.problems)],
        "registries": {
            str(status.registry): status.endpoint.url if status.endpoint else ""
            for status in outcome.registries
        },
    }


def _by_reason(problems: Iterable[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem.reason, problem.where))
