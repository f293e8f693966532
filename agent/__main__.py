"""The program: its commands and its exit status.

0 done, 1 failed (the reasons are on stderr), 2 bad usage, 10 `plan --exit-code` has work to do,
130 interrupted from the keyboard.
"""

import os
import signal
import sys
from collections.abc import Callable

from agent.composition import Agent, compose
from agent.daemon import run
from agent.errors import NodeTrouble, Trouble
from agent.fleet_command import fleet
from agent.planning.checkup import Check, checkup, checkup_cut_short
from agent.planning.describe import Preview, diff_of
from agent.planning.steps import ReloadRuntime
from agent.removal_command import remove
from agent.reporting import texts
from agent.reporting.terminal import (
    UnheardError,
    complain,
    escape_what_has_no_encoding,
    fall_silent,
    redact_tracebacks,
    say,
)
from agent.settings import Settings, read_settings
from agent.sync_command import sync

DONE, FAILED, WORK_TO_DO = 0, 1, 10
INTERRUPTED = 128 + signal.SIGINT


def plan(settings: Settings) -> int:
    """What a pass would change."""
    examination = compose(settings).reconciler.examine(apply_held=settings.apply_held)
    steps, change_needed = examination.plan.steps, examination.runtime.change_needed
    preview = Preview(
        steps=steps,
        diff=diff_of(steps, found=examination.node.found),
        action="restart" if change_needed else "reload" if ReloadRuntime() in steps else "none",
        change_needed=change_needed,
        problems=examination.problems,
    )
    as_json = settings.output == "json"
    say([texts.plan_json(preview)] if as_json else texts.plan_lines(preview))
    if complain(preview.problems):
        return FAILED
    return WORK_TO_DO if settings.exit_code and steps else DONE


def doctor(settings: Settings) -> int:
    """The node, checked end to end."""
    checks = _checks(compose(settings))
    as_json = settings.output == "json"
    say([texts.checkup_json(checks)] if as_json else texts.checkup_lines(checks))
    return DONE if all(check.passed for check in checks) else FAILED


def issue(settings: Settings) -> int:
    """The trust controller: the only one that loads `cryptography`, 10 MiB on every node else."""
    from agent import issue_command  # noqa: PLC0415

    return issue_command.issue(settings)


def _checks(agent: Agent) -> tuple[Check, ...]:
    state = agent.state.look()
    try:
        examination = agent.reconciler.examine()
    except NodeTrouble as trouble:
        return checkup_cut_short(trouble.problem, state=state)
    verified = agent.reconciler.verify(examination)
    return checkup(
        runtime=examination.runtime,
        state=state,
        desires=examination.desires,
        plan=examination.plan,
        registries=verified.registries,
        problems=(*examination.problems, *verified.problems),
    )


COMMANDS: dict[str, Callable[[Settings], int]] = {
    "doctor": doctor,
    "fleet": fleet,
    "issue": issue,
    "plan": plan,
    "remove": remove,
    "run": run,
    "sync": sync,
}


def main() -> int:
    """Run the command of this process's own arguments. Returns its exit status.

    Raises what is a bug, and SystemExit for bad usage and `--help`.
    """
    escape_what_has_no_encoding()
    redact_tracebacks()
    try:
        settings = _read_settings()
        return COMMANDS[settings.command](settings)
    except Trouble as trouble:
        complain([trouble.problem])
        return FAILED
    except UnheardError as unheard:
        fall_silent(unheard)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _read_settings() -> Settings:
    """From the command line and the environment; `--help` is said here, and must be heard too."""
    try:
        return read_settings(sys.argv[1:], os.environ)
    finally:
        say(())


if __name__ == "__main__":
    sys.exit(main())
