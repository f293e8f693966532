"""What the commands print: for people in lines, for programs in JSON of the same content."""

import json
from collections.abc import Iterable, Sequence

from agent.errors import REMEDIES, Problem
from agent.planning.checkup import Check
from agent.planning.describe import Preview, describe_step
from agent.planning.evidence import ProbeStep
from agent.planning.outcome import Outcome, RegistryStatus
from agent.planning.removal import Removal


def outcome_lines(outcome: Outcome) -> list[str]:
    """What `sync` did and found; problems are not in it, they go to stderr."""
    lines = [*outcome.changed, *map(_status_line, outcome.registries)]
    if not outcome.registries and outcome.in_sync:
        lines.append("no Service carries the registry label: nothing to do")
    return lines


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """One line per problem: reason, place, finding, what to do."""
    return [str(problem) for problem in problems]


def removal_lines(removal: Removal) -> list[str]:
    """What `remove` undid; what it left is told as problems."""
    return [describe_step(step) for step in removal.steps] or ["nothing of ours is here"]


def plan_lines(preview: Preview) -> list[str]:
    """What a pass would do: the diff, then each step, then what the runtime needs."""
    steps = enumerate(preview.steps, 1)
    lines = preview.diff.splitlines()
    lines += [f"step {number}: {describe_step(step)}" for number, step in steps]
    if not preview.steps:
        lines.append("nothing to do")
    if preview.change_needed:
        lines.append("the runtime's own configuration needs this change, by a person:")
        lines += preview.change_needed.splitlines()
    lines.append(f"action: {preview.action}")
    return lines


def plan_json(preview: Preview) -> str:
    """The same as an object: action, change_needed, diff, problems, steps."""
    return dump(
        {
            "action": preview.action,
            "change_needed": preview.change_needed,
            "diff": preview.diff,
            "problems": [problem_object(problem) for problem in preview.problems],
            "steps": [describe_step(step) for step in preview.steps],
        }
    )


def checkup_lines(checks: Sequence[Check]) -> list[str]:
    """One line per check, its problems indented below it."""
    width = max((len(check.subject) for check in checks), default=0)
    lines: list[str] = []
    for check in checks:
        mark = "ok  " if check.passed else "FAIL"
        lines.append(f"{mark}  {check.subject:<{width}}  {check.found}")
        lines += [f"      {problem}" for problem in check.problems]
    return lines


def checkup_json(checks: Sequence[Check]) -> str:
    """A list of objects: subject, passed, found, problems."""
    return dump(
        [
            {
                "subject": check.subject,
                "passed": check.passed,
                "found": check.found,
                "problems": [problem_object(problem) for problem in check.problems],
            }
            for check in checks
        ]
    )


def problem_object(problem: Problem) -> dict[str, str]:
    """One problem for JSON: reason, where, detail, remedy, registry."""
    return {
        "reason": problem.reason.value,
        "where": problem.where,
        "detail": problem.detail,
        "remedy": REMEDIES[problem.reason],
        "registry": problem.registry,
    }


def _status_line(status: RegistryStatus) -> str:
    reached = " ".join(step for step in ProbeStep if step in status.reached) or "not reached"
    endpoint = status.endpoint.url if status.endpoint else "no endpoint"
    return f"{status.registry} from {endpoint}, trust {status.trust_sha256[:12]}: {reached}"


def dump(value: object) -> str:
    """JSON as every command prints it."""
    return json.dumps(value, indent=2, sort_keys=True)
