"""What a pass of the trust controller came to: what its metrics and logs speak from."""

from dataclasses import dataclass
from datetime import datetime

from agent.errors import Problem
from agent.planning.barrier import Barrier
from agent.planning.rotation import TrustView
from agent.planning.trust_steps import (
    IssueLeaf,
    MakeAuthority,
    PublishAnchors,
    RetirePrevious,
    SwitchAuthority,
    TrustStep,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustReport:
    """`done` has the steps of the pass; `barrier` is None where no node is waited for."""

    view: TrustView
    barrier: Barrier | None
    problems: tuple[Problem, ...]
    done: tuple[TrustStep, ...]
    now: datetime

    @property
    def progress(self) -> str:
        """One line for people."""
        phase = str(self.view.phase)
        return f"{phase}: {self.barrier.progress}" if self.barrier else phase


def told(step: TrustStep) -> str:
    """A step that was done, in words."""
    match step:
        case MakeAuthority(role=role):
            return f"made a CA: the {role} one"
        case SwitchAuthority(cross=True):
            return "switched to the next CA, signed by the one before"
        case SwitchAuthority():
            return "switched to the next CA"
        case RetirePrevious():
            return "retired the CA before"
        case PublishAnchors(anchors=anchors, revoked=revoked):
            text = f"published {len(anchors)} CA certificate(s)"
            return f"{text}, {len(revoked)} revoked" if revoked else text
        case IssueLeaf(namespace=namespace, why=why):
            return f"issued a certificate for {namespace}: {why}"
