"""How the parts are put together, as the settings say.

What a mode does not need is not imported: the Kubernetes client costs about 18 MiB on every node.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent import __version__
from agent.node.clock import SystemClock
from agent.node.container_runtime import ContainerdRuntime
from agent.node.cri import CriClient
from agent.node.host_files import HostFiles
from agent.node.registry_probe import RegistryProbe
from agent.node.state_directory import StateDirectory
from agent.planning.desires import Rules
from agent.ports import Source
from agent.reconciler import Reconciler
from agent.settings import Settings

LOCK_TIMEOUT_SECONDS = 60.0

_API_SERVER = "the API server"


class Contact(Protocol):
    """The watches on an API server."""

    def start(self) -> None:
        """Begin to watch, in threads of their own."""
        ...

    def in_contact(self) -> bool:
        """Whether everything is known now."""
        ...

    def watch_ends(self) -> Mapping[str, int]:
        """How many watches ended so far, by how."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Where the view comes from: what to read, and what to follow.

    `place` says it in words. `directories` are those whose changes may change the view; `contact`
    is None without watches.
    """

    source: Source
    place: str
    directories: tuple[Path, ...]
    contact: Contact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The parts of one process, put together."""

    view: View
    state: StateDirectory
    reconciler: Reconciler
    stop: threading.Event
    wake: threading.Event


def compose(settings: Settings, *, follow: bool = False) -> Agent:
    """Put the parts together; touches nothing yet. `follow` is for watching an API server."""
    stop, wake = threading.Event(), threading.Event()
    view = _view(settings, stop=stop, wake=wake if follow else None)
    state = StateDirectory(
        host_root=settings.host_root,
        path=settings.state_dir,
        stop=stop,
        lock_timeout_seconds=LOCK_TIMEOUT_SECONDS,
    )
    reconciler = Reconciler(
        source=view.source,
        files=HostFiles(settings.host_root),
        state=state,
        runtime=ContainerdRuntime(
            settings.host_root, setting=settings.runtime, cri=CriClient(settings.host_root)
        ),
        probe=RegistryProbe(settings.host_root, stop),
        clock=SystemClock(),
        rules=Rules(
            domain=settings.cluster_domain,
            references={
                namespace: reference.text
                for namespace, reference in settings.trust_references.items()
            },
        ),
        withdraw_after=settings.withdraw_after,
        stop=stop,
    )
    return Agent(view=view, state=state, reconciler=reconciler, stop=stop, wake=wake)


def _view(settings: Settings, *, stop: threading.Event, wake: threading.Event | None) -> View:
    if settings.manifests is not None:
        return _manifests(settings, settings.manifests)
    if settings.command == "remove":
        return _manifests(settings, Path())  # never looked at: the ledger is enough
    return _api_server(settings, stop=stop, wake=wake)


def _manifests(settings: Settings, directory: Path) -> View:
    from agent.cluster.manifests import ManifestsSource  # noqa: PLC0415 - this mode only

    source = ManifestsSource(
        directory=directory,
        namespaces=settings.namespaces,
        references=settings.trust_references.values(),
    )
    return View(source=source, place=str(directory), directories=source.directories)


def _api_server(settings: Settings, *, stop: threading.Event, wake: threading.Event | None) -> View:
    from agent.cluster.api import Api  # noqa: PLC0415 - this mode only
    from agent.cluster.cluster_view import Wanted  # noqa: PLC0415 - this mode only
    from agent.cluster.connection import Connection, access_by  # noqa: PLC0415 - this mode only
    from agent.cluster.kubernetes_source import (  # noqa: PLC0415 - this mode only
        KubernetesSource,
        OneLook,
    )

    access = access_by(settings.kubeconfig)
    api = Api(Connection(access, user_agent=f"registry-node-agent/{__version__}"))
    wanted = Wanted(
        namespaces=settings.namespaces, references=tuple(settings.trust_references.values())
    )
    if wake is None:
        return View(source=OneLook(api=api, wanted=wanted), place=_API_SERVER, directories=())
    source = KubernetesSource(api=api, wanted=wanted, changed=wake.set, stop=stop)
    return View(source=source, place=_API_SERVER, directories=wanted.directories, contact=source)
