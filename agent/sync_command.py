"""`sync`: one pass; where a restart is allowed, config_path turned on after it, and one pass more.

The first pass has put the files in place, so that the restarted runtime finds all of them.
"""

from dataclasses import replace

from agent.composition import Agent, compose
from agent.errors import NodeTrouble
from agent.planning.outcome import Outcome
from agent.reporting import texts
from agent.reporting.terminal import complain, say
from agent.settings import Settings

DONE, FAILED = 0, 1


def sync(settings: Settings) -> int:
    """Bring this node to what is asked for. Returns the exit status."""
    agent = compose(settings)
    outcome = agent.reconciler.run_pass(apply_held=settings.apply_held)
    if settings.may_restart:
        outcome = _with_restart(agent, outcome, apply_held=settings.apply_held)
    say(texts.outcome_lines(outcome))
    return FAILED if complain(outcome.problems) else DONE


def _with_restart(agent: Agent, first: Outcome, *, apply_held: bool) -> Outcome:
    """The outcome after the restart that the first pass asked for, if it did."""
    try:
        with agent.state.exclusive():
            done = agent.reconciler.turn_on()
    except NodeTrouble as trouble:
        return replace(first, problems=(trouble.problem, *first.problems))
    if not done:
        return first
    second = agent.reconciler.run_pass(apply_held=apply_held)
    return replace(
        second,
        changed=(*first.changed, done, *second.changed),
        files_written=first.files_written + second.files_written,
    )
