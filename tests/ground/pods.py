"""Containers on a node, started as the kubelet would start them: through CRI, one to a pod.

The messages are the ecosystem's own generated ones: here the fields that matter are many.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

import grpc
from cri_api.v1 import api_pb2 as cri
from cri_api.v1.api_pb2_grpc import RuntimeServiceStub

from tests.ground import loading
from tests.ground.closing import Closing
from tests.ground.namespaces import wait_until
from tests.ground.node import Node
from tests.ground.runtime import SOCKET

_LOG = "main.log"

# What the kubelet says for a pod of the host's network, and for any container.
_NAMESPACES = cri.NamespaceOption(network=cri.NODE, pid=cri.CONTAINER, ipc=cri.POD)
_SECCOMP = cri.SecurityProfile(profile_type=cri.SecurityProfile.RuntimeDefault)
_MASKED = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/sched_debug", "/sys/firmware")
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


@dataclass(frozen=True, kw_only=True)
class HostPath:
    """A directory of the node in a container, as the kubelet mounts it; later mounts follow."""

    source: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True)
class Container:
    """What is to be run, with the image's entry point unless there is a command.

    Nothing is allowed to it: no capability, no write but into what is mounted writable.
    """

    image: str
    arguments: Sequence[str]
    command: Sequence[str] = ()
    host_paths: Sequence[HostPath] = ()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it ended, and what it said."""

    status: int
    out: str
    err: str


class Pods(Closing):
    """Pods on the network of one node, whose containerd runs and has runc among its tools."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._channel = grpc.insecure_channel(f"unix:{node.root / SOCKET}")
        self._runtime = RuntimeServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._group = node.root.name  # what is left of it ends with the node
        loading.load_pause(node)

    def close(self) -> None:
        """End and remove every pod."""
        for pod in self._runtime.ListPodSandbox(cri.ListPodSandboxRequest()).items:
            self.remove(pod.id)
        self._channel.close()

    def load(self, archive: Path) -> str:
        """`make load` of an image: what it printed."""
        return loading.load(archive, node=self.node)

    def run(self, container: Container, *, seconds: float = 60.0) -> Ended:
        """Run it to its end."""
        with self.running(container) as live:
            return live.wait(seconds=seconds)

    @contextmanager
    def running(self, container: Container) -> Iterator["LiveContainer"]:
        """Let it run for a while, in a pod of its own that is removed at the end."""
        name = f"pod-{uuid4().hex[:8]}"
        config = _sandbox(name, group=self._group)
        request = cri.RunPodSandboxRequest(config=config)
        pod = self._runtime.RunPodSandbox(request, timeout=30).pod_sandbox_id
        try:
            made = self._runtime.CreateContainer(
                cri.CreateContainerRequest(
                    pod_sandbox_id=pod, config=_container(container), sandbox_config=config
                )
            )
            log = self.node.root / config.log_directory.lstrip("/") / _LOG
            live = LiveContainer(runtime=self._runtime, id=made.container_id, log=log)
            self._runtime.StartContainer(cri.StartContainerRequest(container_id=live.id))
            yield live
        finally:
            self.remove(pod)

    def remove(self, pod: str) -> None:
        self._runtime.StopPodSandbox(cri.StopPodSandboxRequest(pod_sandbox_id=pod), timeout=60)
        self._runtime.RemovePodSandbox(cri.RemovePodSandboxRequest(pod_sandbox_id=pod), timeout=60)


@dataclass(frozen=True, kw_only=True)
class LiveContainer:
    """A container that was started."""

    runtime: RuntimeServiceStub
    id: str
    log: Path

    def poll(self) -> int | None:
        """Its exit status, once it has ended."""
        request = cri.ContainerStatusRequest(container_id=self.id)
        status = self.runtime.ContainerStatus(request, timeout=10).status
        return status.exit_code if status.state == cri.CONTAINER_EXITED else None

    def stop(self, *, seconds: int = 30) -> Ended:
        """End it as the kubelet does, by SIGTERM first: how it ended."""
        request = cri.StopContainerRequest(container_id=self.id, timeout=seconds)
        self.runtime.StopContainer(request, timeout=seconds + 10)
        return self.wait(seconds=10)

    def wait(self, *, seconds: float) -> Ended:
        """How it ended, once it has."""
        what = f"container {self.id[:12]} has ended"
        wait_until(lambda: self.poll() is not None, what=what, seconds=seconds)
        said = [_Line.read(line) for line in self.log.read_text().splitlines()]
        return Ended(
            status=self.poll() or 0,
            out="".join(line.text for line in said if line.stream == "stdout"),
            err="".join(line.text for line in said if line.stream == "stderr"),
        )


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line of a container's log: when, which stream, whether it is whole (F) or a part (P)."""

    stream: str
    text: str

    @classmethod
    def read(cls, line: str) -> Self:
        _, stream, whole, text = line.split(" ", 3)
        return cls(stream=stream, text=text + ("\n" if whole == "F" else ""))


def _sandbox(name: str, *, group: str) -> cri.PodSandboxConfig:
    metadata = cri.PodSandboxMetadata(name=name, uid=name, namespace="default")
    security = cri.LinuxSandboxSecurityContext(namespace_options=_NAMESPACES, seccomp=_SECCOMP)
    return cri.PodSandboxConfig(
        metadata=metadata,
        log_directory=f"/var/log/pods/{name}",
        linux=cri.LinuxPodSandboxConfig(cgroup_parent=f"/{group}", security_context=security),
    )


def _container(container: Container) -> cri.ContainerConfig:
    security = cri.LinuxContainerSecurityContext(
        namespace_options=_NAMESPACES,
        run_as_user=cri.Int64Value(value=0),
        capabilities=cri.Capability(drop_capabilities=["ALL"]),
        readonly_rootfs=True,
        no_new_privs=True,
        seccomp=_SECCOMP,
        masked_paths=_MASKED,
        readonly_paths=_READ_ONLY,
    )
    return cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name="main"),
        image=cri.ImageSpec(image=container.image),
        command=container.command,
        args=container.arguments,
        log_path=_LOG,
        mounts=[
            cri.Mount(
                host_path=mount.source,
                container_path=mount.path,
                readonly=mount.read_only,
                propagation=cri.PROPAGATION_HOST_TO_CONTAINER,
            )
            for mount in container.host_paths
        ],
        linux=cri.LinuxContainerConfig(security_context=security),
    )
