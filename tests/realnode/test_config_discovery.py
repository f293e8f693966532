"""What we say containerd reads is what the real containerd pulls with, for every form of its files.

Each case is a configuration as people write it. The agent looks at it, files are put where the
agent says and nowhere else, and the real program is asked for a tag that cannot exist: "not found"
comes from the registry, so the files are read; "lookup" comes from DNS, so they are not.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.node.container_runtime import ContainerdRuntime
from agent.node.cri import CriClient
from agent.planning.containerd_hosts import render_hosts_file
from agent.planning.model import Endpoint, RuntimeView
from tests.ground import programs
from tests.ground.certificates import Authority
from tests.ground.namespaces import NodeTroubleError
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.containerd_configurations import BROKEN, CASES, READS, UNSET, Case

pytestmark = pytest.mark.realnode

HOST = "knative.registry.svc.cluster.local"
ABSENT = f"{HOST}/registry-node-agent/absent:absent"
ADDRESS = "10.96.0.50"
HOSTS_FILE = render_hosts_file(Endpoint(address=ip_address(ADDRESS), port=443))


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One node for all cases of a version, with a registry and the CA to trust it by."""

    version: str
    node: Node
    ca: str

    @property
    def seen(self) -> Path:
        """The node's root with its own /proc, as an agent on it would see it."""
        return Path(f"/proc/{self.node.namespaces.first_pid}/root{self.node.root}")

    def observe(self) -> RuntimeView:
        cri = CriClient(self.seen)
        return ContainerdRuntime(self.seen, cri=cri).observe()

    def write_hosts(self, view: RuntimeView) -> None:
        for root in view.roots:
            self.node.write(f"{root.path}/{HOST}/ca.crt", self.ca)
            self.node.write(f"{root.path}/{HOST}/hosts.toml", HOSTS_FILE)

    def pull_absent(self) -> str:
        return self.node.pull(ABSENT).error

    def configure(self, files: Mapping[str, str]) -> None:
        """Begin anew with these files, in a node without any host directory."""
        for name in ("containerd", "registries", "docker", "others"):
            shutil.rmtree(self.node.root / "etc" / name, ignore_errors=True)
        shutil.rmtree(self.node.root / "registries", ignore_errors=True)
        (self.node.root / "etc/containerd").mkdir()
        for name, text in files.items():
            self.node.write(f"etc/containerd/{name}", text)


@pytest.fixture(scope="module", params=programs.CONTAINERD_VERSIONS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    containerd = containerd_or_skip(request.param)
    authority = Authority.create()
    with Node(containerd=containerd) as node, Registry(node=node) as registry:
        certificate = authority.issue(dns=[HOST], ips=[ADDRESS])
        registry.open_front("main", address=ADDRESS, certificate=certificate)
        yield Ground(version=request.param, node=node, ca=authority.pem)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_we_say_is_read_is_what_containerd_pulls_with(ground: Ground, case: Case):
    expected = case.expected[ground.version]
    ground.configure(case.files)
    if expected is BROKEN:
        refused_to_start(ground, case)
        return
    ground.node.start_containerd(*case.arguments, config=None)

    view = ground.observe()
    ground.write_hosts(view)

    assert view.version.startswith(f"{ground.version}.")
    assert view.pid is not None
    assert [problem.reason for problem in view.problems] == ([expected] if expected else [])
    assert ("not found" if expected is READS else "lookup") in ground.pull_absent()


def refused_to_start(ground: Ground, case: Case) -> None:
    """The real program ends at once, and we say so of a runtime that still runs on older files."""
    ground.configure({})
    ground.node.start_containerd(config=None)
    runtime = ContainerdRuntime(ground.seen, cri=CriClient(ground.seen))
    before = runtime.observe()
    ground.configure(case.files)
    view = runtime.observe()

    assert [problem.reason for problem in view.problems] == [BROKEN]
    assert view.roots == before.roots
    assert view.identity != before.identity
    with pytest.raises(NodeTroubleError, match="containerd ended"):
        ground.node.restart_containerd(*case.arguments)


UNSET_CASES = [name for name, case in CASES.items() if UNSET in case.expected.values()]


@pytest.mark.parametrize("name", UNSET_CASES)
def test_the_change_we_show_is_the_change_that_is_needed(ground: Ground, name: str):
    case = CASES[name]
    if case.expected[ground.version] is not UNSET:
        return
    ground.configure(case.files)
    ground.node.start_containerd(*case.arguments, config=None)
    view = ground.observe()
    ground.write_hosts(view)

    subprocess.run(
        ["/usr/bin/patch", "-p1", "--fuzz=0"],
        input=view.change_needed.encode(),
        cwd=ground.node.root,
        check=True,
        capture_output=True,
    )
    ground.node.restart_containerd(*case.arguments)

    assert ground.observe().problems == ()
    assert "not found" in ground.pull_absent()
