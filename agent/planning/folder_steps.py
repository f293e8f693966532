"""From the route a directory has to the route it shall have, in steps without a moment in between.

containerd reads hosts.toml and then the CA file it names, twice in one pull (containerd 2.2,
core/remotes/docker/config/hosts.go). So whoever reads between two of our steps must find a pair
that works: anchors are added first, then the endpoint changes, and only when whoever had read the
old hosts.toml has read its CA too are anchors taken away.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.planning.change import union
from agent.planning.containerd_hosts import render_hosts_file
from agent.planning.model import CA_FILE, HOSTS_FILE, OUR_FILES, Folder, Route
from agent.planning.ownership import Ours
from agent.planning.revocation import without_revoked
from agent.planning.steps import (
    AwaitReaders,
    CreateFolder,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    Step,
)
from agent.planning.trust_bundle import render_trust_file


@dataclass(slots=True)
class Draft:
    """Steps of several directories, collected by the phase they belong to."""

    anchors: list[Step] = field(default_factory=list)
    routes: list[Step] = field(default_factory=list)
    fewer_anchors: list[Step] = field(default_factory=list)
    removals: list[Step] = field(default_factory=list)

    def create(self, *, folder: Folder, route: Route) -> None:
        """A directory where there is none."""
        files = ((CA_FILE, render_trust_file(route.ders)), (HOSTS_FILE, _hosts(route)))
        self.routes.append(CreateFolder(folder=folder, files=files))

    def change(self, *, folder: Folder, ours: Ours, route: Route, revoked: frozenset[str]) -> None:
        """A directory of ours to another route; nothing if its files are right to the byte."""
        hosts, anchors = _hosts(route), render_trust_file(route.ders)
        first = anchors
        if ours.route is not None and ours.route.endpoint != route.endpoint:
            kept = without_revoked(ours.route.ders, revoked)
            first = render_trust_file(union(kept, route.ders))
        if ours.files.get(CA_FILE) != first:
            self.anchors.append(ReplaceFile(folder=folder, name=CA_FILE, content=first))
        if ours.files.get(HOSTS_FILE) != hosts:
            self.routes.append(ReplaceFile(folder=folder, name=HOSTS_FILE, content=hosts))
        if first != anchors:
            self.fewer_anchors.append(ReplaceFile(folder=folder, name=CA_FILE, content=anchors))

    def fewer(self, *, folder: Folder, ders: tuple[bytes, ...]) -> None:
        """A directory of ours as it is, but with these anchors only."""
        content = render_trust_file(ders)
        self.anchors.append(ReplaceFile(folder=folder, name=CA_FILE, content=content))

    def remove(self, folder: Folder) -> None:
        """A directory of ours that is no longer wanted."""
        self.removals.append(RemoveFolder(folder=folder, names=OUR_FILES))

    def leaves_nothing(self, standing: Iterable[Folder]) -> bool:
        """Whether no directory is left after the steps, of those of ours that stand now."""
        removed = {step.folder for step in self.removals if isinstance(step, RemoveFolder)}
        made = any(isinstance(step, CreateFolder) for step in self.anchors)
        return not (made or self.routes) and removed.issuperset(standing)

    def remove_made(self, made: Iterable[Folder]) -> None:
        """The directories that we had to make for ours, innermost first."""
        self.removals += [RemoveEmptyFolder(folder=folder) for folder in reversed(tuple(made))]

    def steps(self) -> tuple[Step, ...]:
        """All of them, in an order whose every prefix leaves pulls working."""
        wait: list[Step] = [AwaitReaders()] if self.routes and self.fewer_anchors else []
        return (*self.anchors, *self.routes, *wait, *self.fewer_anchors, *self.removals)


def _hosts(route: Route) -> bytes:
    return render_hosts_file(route.endpoint)
