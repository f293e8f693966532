"""What the node has at the places that concern us, as one value that planning can judge."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agent.errors import Problem, Reason
from agent.planning.authorities import parse_authority
from agent.planning.docker_settings import DockerSettings
from agent.planning.hostnames import registry_of
from agent.planning.ledger import Ledger
from agent.planning.model import Folder, Found, HostPath, Missing, RegistriesConf, RuntimeView
from agent.planning.ownership import Ours, Ownership, judge_owner

DOCKER_ROOT = Folder(base=HostPath("/etc/docker"), below=("certs.d",))
"""Where dockerd looks for a directory per hostname; it cannot be told another."""
BACKUP = "_backup"
"""Where Spegel moves all that it finds in a root, to put it back when it is uninstalled.

Ours would come back outdated, or after we are gone; and where we have written ours anew it would
end in the middle of putting back what is not ours: it renames onto a directory that is not empty
(Spegel, pkg/oci/containerd/mirror.go, backupConfig, CleanupMirrorConfiguration).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """The roots that the runtime reads, the names in each, and what stands under our names.

    Where the runtime is CRI-O, they are the directories of `registries_conf`. `settled`: no other
    root is read, so that what we once wrote elsewhere is read by nobody. `docker` is what it is
    set to where the runtime is Docker.
    """

    roots: tuple[Folder, ...]
    names: Mapping[Folder, tuple[str, ...]] = field(default_factory=dict)
    found: Mapping[Folder, Found] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    settled: bool = False
    registries_conf: RegistriesConf | None = None
    docker: DockerSettings | None = None

    def owner(self, folder: Folder) -> Ownership:
        """Whose the directory is."""
        found = self.found.get(folder, Missing())
        return judge_owner(folder=folder, found=found, ledger=self.ledger)

    @property
    def trust_only(self) -> bool:
        """Whether the runtime reads of a hostname's directory nothing but the CA file."""
        return self.docker is not None and self.docker.trust_only

    def is_read(self, folder: Folder) -> bool:
        """Whether the runtime looks into it."""
        conf = self.registries_conf
        return folder.parent in self.roots or (conf is not None and folder == conf.drop_ins)

    def moved_away(self) -> Iterator[Folder]:
        """Directories with files exactly like ours that another tool keeps, to put them back."""
        backups = {root.child(BACKUP) for root in self.roots}
        for folder in sorted(folder for folder in self.found if folder.parent in backups):
            if isinstance(self.owner(folder), Ours):
                yield folder

    def host_folders(self) -> Iterator[Folder]:
        """Every folder in a present root that was looked at, in the order of the roots."""
        for root in self.roots:
            yield from sorted(folder for folder in self.found if folder.parent == root)


def roots_in_use(runtime: RuntimeView, ledger: Ledger) -> tuple[Folder, ...]:
    """Where files of ours may be read from: while it is not settled, wherever we ever wrote too."""
    if runtime.registries_conf is not None:
        return runtime.registries_conf.folders
    earlier = () if runtime.settled else _roots_written(ledger)
    return tuple(dict.fromkeys((*runtime.roots, *earlier)))


def needs_restart(runtime: RuntimeView, ledger: Ledger) -> tuple[Problem, ...]:
    """The problem of a runtime whose changed configuration names other roots than we wrote to."""
    written = set(_roots_written(ledger))
    if runtime.settled or runtime.problems or not written or written == set(runtime.roots):
        return ()
    return (
        Problem(
            reason=Reason.NEEDS_RESTART,
            where=runtime.config_file,
            detail="it names other directories than the running process may still read",
        ),
    )


def _roots_written(ledger: Ledger) -> Iterator[Folder]:
    """The roots in which we ever made a hostname's directory, for another than Docker."""
    roots = (folder.parent for folder in ledger.folders() if registry_of(folder.name))
    return (root for root in roots if root != DOCKER_ROOT)


def folders_to_read(
    *,
    roots: Iterable[Folder],
    names: Mapping[Folder, tuple[str, ...]],
    hosts: Iterable[str],
    ledger: Ledger,
    conf: RegistriesConf | None,
) -> tuple[Folder, ...]:
    """The folders that a pass must read: wanted ones, recorded ones, and what may be ours."""
    hosts = tuple(hosts)
    folders = set(ledger.folders())
    shared = conf.folders if conf else ()
    if conf is not None:
        known = filter(parse_authority, names.get(conf.certificates, ()))
        folders |= {conf.drop_ins, *map(conf.certificates.child, known)}
    for root in (root for root in roots if root not in shared):
        folders |= {root.child(host) for host in hosts}
    for place in (place for place in names if place not in shared):
        folders |= {place.child(name) for name in names[place] if registry_of(name)}
    return tuple(sorted(folders))
