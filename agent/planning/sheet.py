"""Where the single decisions of one plan are written down, directory by directory.

What is wanted (`wanted`) and what no longer is (`unwanted`) are decided apart, on the same sheet:
both may keep a directory, adopt it, report on it, and say which route will stand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.errors import Problem, Reason
from agent.planning.answers import Answers
from agent.planning.folder_steps import Draft
from agent.planning.ledger import Ledger, adopt
from agent.planning.model import CA_FILE, Folder, FoundFolder, RegistryName, Route
from agent.planning.node_view import NodeView
from agent.planning.ownership import Foreign, Nobodys, Ours
from agent.planning.revocation import without_revoked
from agent.planning.steps import CreateFolder, ReplaceFile
from agent.planning.trust_bundle import parse_trust_file, render_trust_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """The pass's circumstances. `failures` counts failed probes in a row, by registry.

    `proven` are the routes that the runtime was seen to take lately, by hostname. `may_reload`:
    the runtime may be told to read its configuration again.
    """

    now: datetime
    withdraw_after: timedelta
    apply_held: bool = False
    failures: Mapping[RegistryName, int] = field(default_factory=dict)
    proven: Mapping[str, Route] = field(default_factory=dict)
    may_reload: bool = True


@dataclass(slots=True, kw_only=True)
class Sheet:
    """The node as it was found, and what is to become of it."""

    node: NodeView
    occasion: Occasion
    answers: Answers
    ledger: Ledger
    draft: Draft = field(default_factory=Draft)
    problems: list[Problem] = field(default_factory=list)
    routes: dict[RegistryName, Route] = field(default_factory=dict)
    hosts: dict[RegistryName, list[str]] = field(default_factory=dict)

    def report(self, problem: Problem) -> None:
        """Say what is in the way, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def adopt(self, folder: Folder, ours: Ours) -> None:
        """Record a directory of ours that the ledger does not know."""
        if not ours.in_ledger:
            self.ledger = adopt(self.ledger, folder=folder, files=ours.files)

    def will_stand(self, registry: RegistryName, host: str, route: Route) -> None:
        """Note the route that a hostname will have after the steps, to be tried then."""
        self.routes.setdefault(registry, route)
        hosts = self.hosts.setdefault(registry, [])
        if host not in hosts:
            hosts.append(host)

    def write_anchors(self, folder: Folder, ders: tuple[bytes, ...]) -> None:
        """A directory that shall hold these certificates; nothing if they are right to the byte."""
        content = render_trust_file(ders)
        match self.node.owner(folder):
            case Nobodys():
                step = CreateFolder(folder=folder, files=((CA_FILE, content),))
                self.draft.anchors.append(step)
            case Ours(files=there) as ours:
                self.adopt(folder, ours)
                if content != there.get(CA_FILE):
                    change = ReplaceFile(folder=folder, name=CA_FILE, content=content)
                    self.draft.anchors.append(change)
            case Foreign(problem=problem):
                self.report(problem)

    def keep(
        self, registry: RegistryName, folder: Folder, ours: Ours, revoked: frozenset[str]
    ) -> None:
        """A directory as it is, but without revoked anchors; one that is left with none goes."""
        ders = parse_trust_file(ours.files.get(CA_FILE, b"")) or ()
        left = without_revoked(ders, revoked)
        if left == ders:
            return
        if left:
            self.draft.fewer(folder=folder, ders=left)
            return
        self.draft.remove(folder)
        self.report_all_revoked(registry)

    def report_all_revoked(self, registry: RegistryName) -> None:
        """Say that nothing is left to verify a registry with."""
        self.report(
            Problem(
                reason=Reason.ALL_ANCHORS_REVOKED,
                where=f"Service {registry}",
                detail="every CA that this node trusted for it is revoked",
                registry=str(registry),
            )
        )

    def is_there(self, folder: Folder) -> bool:
        """Whether a directory was found at the folder's place."""
        return isinstance(self.node.found.get(folder), FoundFolder)
