"""The agent's own directory, as one who only looks at it finds it."""

from dataclasses import dataclass

from agent.errors import Problem
from agent.planning.model import HostPath


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """`run` is the pid of a live `run`, as that one sees itself; empty while there is none."""

    path: HostPath
    exists: bool
    run: str
    problems: tuple[Problem, ...]
