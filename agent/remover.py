"""Puts the node back: undoes all that is still ours, the record last."""

from dataclasses import dataclass, replace

from agent.applier import Applier
from agent.errors import NodeTrouble
from agent.observer import Observer
from agent.planning.config_turn import foreign_hosts
from agent.planning.ledger import Ledger
from agent.planning.lingering import not_forgotten
from agent.planning.model import RuntimeView
from agent.planning.registries_conf import USUAL
from agent.planning.removal import Removal, plan_removal
from agent.ports import ConfigTurn, Runtime, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Remover:
    """Undoes what the reconciler has done, by the same hand."""

    observer: Observer
    applier: Applier
    state: State
    runtime: Runtime
    turn: ConfigTurn

    def remove(self) -> Removal:
        """Put the node back. Raises NodeTrouble, also for what is only to be done later.

        The ledger is enough; the runtime's roots and the usual ones are searched too, for files
        of ours that a lost ledger no longer knows. A CRI-O that runs and cannot be reloaded keeps
        its certificates, and the record of it, until it is seen to have forgotten our drop-in.
        """
        with self.state.exclusive():
            runtime = self.observer.find_runtime()
            roots = self.observer.roots_to_search(runtime)
            known = self.observer.load_ledger()
            ledger = self._without_forgotten(known, runtime)
            node = self.observer.look(ledger, roots=roots, conf=USUAL)
            removal = plan_removal(node, USUAL, crio_runs=_is_running_crio(runtime))
            kept = self.turn.undo(needed=bool(foreign_hosts(node, removal)))
            applied = self.applier.apply(
                removal.steps, ledger=removal.ledger, known=known, roots=roots
            )
            for problem in (*applied.refused, *removal.unread):
                raise NodeTrouble(problem)
            self.state.remove_all()  # under the lock: the next pass begins with a new record
        return replace(removal, left=(*removal.left, *kept))

    def _without_forgotten(self, ledger: Ledger, runtime: RuntimeView | None) -> Ledger:
        """The record without the hostnames that CRI-O is seen to have forgotten."""
        if runtime is None or not _is_running_crio(runtime) or not ledger.lingering:
            return ledger
        proofs = self.runtime.prove(socket=runtime.socket, hosts=sorted(ledger.lingering))
        return replace(ledger, lingering=not_forgotten(ledger.lingering, proofs))


def _is_running_crio(runtime: RuntimeView | None) -> bool:
    """Whether there is a memory that our drop-in may be in."""
    return runtime is not None and runtime.registries_conf is not None and runtime.pid is not None
