"""A node's root as the agent sees it: containerd's files, and processes as /proc shows them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import Problem, Reason
from agent.node.container_runtime import ContainerdRuntime
from agent.planning.evidence import Proof
from agent.planning.model import Folder, HostPath

CERTS_D = Folder(base=HostPath("/etc/containerd"), below=("certs.d",))
CONFIG = """\
version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
"""


SILENT = Problem(reason=Reason.RUNTIME_TIMEOUT, where="/run/x.sock", detail="no answer")


@dataclass
class FakeCri:
    """A runtime that tells its version, and counts how often it was asked."""

    answer: tuple[str, str] | Problem = ("containerd", "v1.7.24")
    asked: list[str] = field(default_factory=list)

    def version(self, socket: HostPath) -> tuple[str, str] | Problem:
        self.asked.append(socket)
        return self.answer

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        return dict.fromkeys(hosts, Proof(reason=None, detail=f"asked {socket}"))


@dataclass
class Host:
    """A node's root: files, and processes as /proc shows them."""

    root: Path
    cri: FakeCri = field(default_factory=FakeCri)
    booted_at: float = 1_700_000_000.0

    def __post_init__(self) -> None:
        (self.root / "proc").mkdir()
        self.runtime = ContainerdRuntime(self.root, cri=self.cri, booted_at=lambda: self.booted_at)

    def write(self, path: str, text: str) -> Path:
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    def start(
        self,
        *arguments: str,
        pid: int = 700,
        started: int = 100,
        program: str = "/usr/bin/containerd",
        comm: str = "containerd",
        ids: str = "700",
        state: str = "S",
    ) -> None:
        self.write(f"proc/{pid}/comm", f"{comm}\n")
        self.write(f"proc/{pid}/cmdline", "\0".join([program, *arguments]) + "\0")
        filler = " ".join("0" for _ in range(18))
        self.write(f"proc/{pid}/stat", f"{pid} (a (b) c) {state} {filler} {started} 0 0")
        self.write(f"proc/{pid}/status", f"Name:\t{comm}\nNSpid:\t{ids}\n")

    def end(self, pid: int = 700) -> None:
        for name in ("comm", "cmdline", "stat", "status"):
            (self.root / f"proc/{pid}/{name}").unlink()

    def serve(self, path: str = "/run/containerd/containerd.sock") -> None:
        self.write(path, "")


def furnished_host(root: Path) -> Host:
    """One with a configuration and a socket, and no process yet."""
    made = Host(root)
    made.write("/etc/containerd/config.toml", CONFIG)
    made.serve()
    return made
