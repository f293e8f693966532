"""How the parts are put together, as the settings say.

What a mode does not need is not imported: the Kubernetes client costs about 12 MiB on every node.
"""

import threading
from dataclasses import dataclass
from pathlib import Path

from agent.loop import Loop
from agent.node.clock import SystemClock
from agent.node.config_turn import ConfigTurn
from agent.node.container_runtime import ContainerdRuntime
from agent.node.cri import CriClient
from agent.node.crio_runtime import CrioRuntime
from agent.node.docker import DockerClient
from agent.node.docker_runtime import DockerRuntime
from agent.node.host_files import HostFiles
from agent.node.layout_runtime import LayoutRuntime
from agent.node.registry_probe import RegistryProbe
from agent.node.runtime_choice import RuntimeChoice
from agent.node.state_directory import StateDirectory
from agent.node.systemd import Systemd
from agent.node.unit_proxies import UnitProxies
from agent.planning.desires import Rules
from agent.reconciler import Reconciler
from agent.settings import Settings
from agent.view import View

LOCK_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """The parts of one process, put together."""

    view: View
    state: StateDirectory
    reconciler: Reconciler
    loop: Loop
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
    root = settings.host_root
    cri, systemd = CriClient(root), Systemd(root)
    reconciler = Reconciler(
        source=view.source,
        files=HostFiles(root),
        state=state,
        runtime=_runtime(settings, cri=cri, systemd=systemd),
        turn=ConfigTurn(root, state_dir=settings.state_dir, systemd=systemd, cri=cri),
        services=UnitProxies(root, systemd=systemd),
        probe=RegistryProbe(root, stop),
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
        may_reload=settings.may_reload,
    )
    return Agent(
        view=view,
        state=state,
        reconciler=reconciler,
        loop=Loop(reconciler=reconciler),
        stop=stop,
        wake=wake,
    )


def _runtime(settings: Settings, *, cri: CriClient, systemd: Systemd) -> LayoutRuntime:
    root = settings.host_root
    runtime = RuntimeChoice(
        root,
        setting=settings.runtime,
        containerd=ContainerdRuntime(root, cri=cri),
        crio=CrioRuntime(root, cri=cri, systemd=systemd),
        docker=DockerRuntime(root, client=DockerClient(root)),
    )
    return LayoutRuntime(
        root, setting=settings.layout, node_name=settings.node_name, runtime=runtime
    )


def _view(settings: Settings, *, stop: threading.Event, wake: threading.Event | None) -> View:
    if settings.manifests is not None:
        return _manifests(settings, settings.manifests)
    if settings.command == "remove":
        return _manifests(settings, Path())  # never looked at: the ledger is enough
    from agent import api_server  # noqa: PLC0415 - this mode only

    if wake is None:
        return api_server.one_look(settings)
    return api_server.followed(settings, stop=stop, wake=wake)


def _manifests(settings: Settings, directory: Path) -> View:
    from agent.cluster.manifests import ManifestsSource  # noqa: PLC0415 - this mode only

    source = ManifestsSource(
        directory=directory,
        namespaces=settings.namespaces,
        references=settings.trust_references.values(),
    )
    return View(source=source, place=str(directory), directories=source.directories)
