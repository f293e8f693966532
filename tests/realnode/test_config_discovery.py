"""What we say containerd reads is what the real containerd pulls with, for every form of its files.

Each case is a configuration as people write it. The agent looks at it, files are put where the
agent says and nowhere else, and the real program is asked for a tag that cannot exist: "not found"
comes from the registry, so the files are read; "lookup" comes from DNS, so they are not.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.errors import Reason
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

pytestmark = pytest.mark.realnode

HOST = "knative.registry.svc.cluster.local"
ABSENT = f"{HOST}/registry-node-agent/absent:absent"
ADDRESS = "10.96.0.50"
HOSTS_FILE = render_hosts_file(Endpoint(address=ip_address(ADDRESS), port=443))

BROKEN, UNSET, MIRRORS = (
    Reason.RUNTIME_CONFIG_BROKEN,
    Reason.CONFIG_PATH_UNSET,
    Reason.LEGACY_MIRRORS,
)
READS = None
SHORT = "[plugins.cri.registry]"
GRPC = '[plugins."io.containerd.grpc.v1.cri".registry]'
IMAGES = '[plugins."io.containerd.cri.v1.images".registry]'
PATH = 'config_path = "/etc/registries/certs.d"'
OTHER = 'config_path = "/etc/others/certs.d"'
LIST = 'config_path = "/etc/registries/certs.d:/etc/docker/certs.d"'


def each(
    v16: Reason | None,
    v17: Reason | None,
    v21: Reason | None,
    v22: Reason | None,
    v23: Reason | None,
) -> Mapping[str, Reason | None]:
    """What is expected of each version, oldest first."""
    return dict(zip(programs.CONTAINERD_VERSIONS, (v16, v17, v21, v22, v23), strict=True))


def lines(*parts: str) -> str:
    return "\n".join(parts) + "\n"


@dataclass(frozen=True, kw_only=True)
class Case:
    """Files below /etc/containerd, and the reason by which each version does not read ours."""

    files: Mapping[str, str]
    expected: Mapping[str, Reason | None] = field(
        default_factory=lambda: each(READS, READS, READS, READS, READS)
    )
    arguments: tuple[str, ...] = ()


ALL_BROKEN = each(BROKEN, BROKEN, BROKEN, BROKEN, BROKEN)
UNSET_UNTIL_2_2 = each(UNSET, UNSET, UNSET, READS, READS)

CASES = {
    "version 2": Case(files={"config.toml": lines("version = 2", GRPC, PATH)}),
    "no version, the short name: 2.0 to 2.2 lose it": Case(
        files={"config.toml": lines(SHORT, PATH)}, expected=each(READS, READS, UNSET, READS, READS)
    ),
    "version 1, the short name: likewise": Case(
        files={"config.toml": lines("version = 1", SHORT, PATH)},
        expected=each(READS, READS, UNSET, READS, READS),
    ),
    "no version, the name of version 2: only 2.3 reads it": Case(
        files={"config.toml": lines(GRPC, PATH)}, expected=UNSET_UNTIL_2_2
    ),
    "no version, the name of version 3": Case(
        files={"config.toml": lines(IMAGES, PATH)}, expected=each(UNSET, UNSET, READS, READS, READS)
    ),
    "version 2 with the short name: 1.x does not start": Case(
        files={"config.toml": lines("version = 2", SHORT, PATH)},
        expected=each(BROKEN, BROKEN, UNSET, READS, READS),
    ),
    "version 2 with the name of version 3, as AKS has it": Case(
        files={"config.toml": lines("version = 2", IMAGES, PATH)},
        expected=each(UNSET, UNSET, READS, READS, READS),
    ),
    "version 2 with both names: the old one wins": Case(
        files={"config.toml": lines("version = 2", GRPC, PATH, IMAGES, OTHER)}
    ),
    "version 2, the old name without config_path wipes the new one's": Case(
        files={
            "config.toml": lines(
                "version = 2",
                '[plugins."io.containerd.grpc.v1.cri".registry.headers]',
                'X-A = ["b"]',
                IMAGES,
                PATH,
            )
        },
        expected=UNSET_UNTIL_2_2,
    ),
    "version 3": Case(
        files={"config.toml": lines("version = 3", IMAGES, PATH)},
        expected=each(UNSET, BROKEN, READS, READS, READS),
    ),
    "version 3 with the name of version 2": Case(
        files={"config.toml": lines("version = 3", GRPC, PATH)},
        expected=each(READS, BROKEN, UNSET, READS, READS),
    ),
    "version 4": Case(
        files={"config.toml": lines("version = 4", IMAGES, PATH)},
        expected=each(UNSET, BROKEN, BROKEN, BROKEN, READS),
    ),
    "version 4 with the name of version 2": Case(
        files={"config.toml": lines("version = 4", GRPC, PATH)},
        expected=each(READS, BROKEN, BROKEN, BROKEN, READS),
    ),
    "nothing set": Case(files={"config.toml": "version = 2\n"}, expected=UNSET_UNTIL_2_2),
    "an empty file": Case(files={"config.toml": ""}, expected=UNSET_UNTIL_2_2),
    "no file": Case(files={}, expected=UNSET_UNTIL_2_2),
    "set to nothing": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = ""')},
        expected=UNSET_UNTIL_2_2,
    ),
    "a colon list": Case(files={"config.toml": lines("version = 2", GRPC, LIST)}),
    "a colon list, pulled locally": Case(
        files={
            "config.toml": lines(
                "version = 2",
                GRPC,
                LIST,
                '[plugins."io.containerd.cri.v1.images"]',
                "use_local_image_pull = true",
            )
        }
    ),
    "a colon list and discarded layers, as EKS has it": Case(
        files={
            "config.toml": lines(
                "version = 2",
                GRPC,
                LIST,
                '[plugins."io.containerd.grpc.v1.cri".containerd]',
                "discard_unpacked_layers = true",
                '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
                'runtime_type = "io.containerd.runc.v2"',
            )
        }
    ),
    "slashes, an empty item and a repeated one": Case(
        files={
            "config.toml": lines(
                "version = 2", GRPC, 'config_path = "/etc//registries/::/etc/registries"'
            )
        }
    ),
    "an empty item first": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = ":/etc/registries"')}
    ),
    "one directory, written the long way round": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = "/etc/x/..//registries/."')}
    ),
    "a relative directory": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = "etc/registries"')}
    ),
    "a directory at the top": Case(
        files={"config.toml": lines("version = 2", GRPC, 'config_path = "/registries"')}
    ),
    "mirrors": Case(
        files={
            "config.toml": lines(
                "version = 2",
                '[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]',
                'endpoint = ["https://127.0.0.1:1"]',
            )
        },
        expected=each(MIRRORS, MIRRORS, MIRRORS, MIRRORS, MIRRORS),
    ),
    "an empty table of mirrors": Case(
        files={
            "config.toml": lines(
                "version = 2", GRPC, PATH, '[plugins."io.containerd.grpc.v1.cri".registry.mirrors]'
            )
        }
    ),
    "certificates by the old way: unknown to 2.0 and later": Case(
        files={
            "config.toml": lines(
                "version = 2",
                '[plugins."io.containerd.grpc.v1.cri".registry.configs."r.example".tls]',
                'ca_file = "/etc/ca.crt"',
            )
        },
        expected=each(MIRRORS, MIRRORS, UNSET, READS, READS),
    ),
    "credentials by the old way stand beside config_path": Case(
        files={
            "config.toml": lines(
                "version = 2",
                GRPC,
                PATH,
                '[plugins."io.containerd.grpc.v1.cri".registry.configs."r.example".auth]',
                'username = "u"',
            )
        }
    ),
    "an import overrides": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, OTHER),
            "more.toml": lines(GRPC, PATH),
        }
    ),
    "an import sets it to nothing": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, PATH),
            "more.toml": lines(GRPC, 'config_path = ""'),
        },
        expected=UNSET_UNTIL_2_2,
    ),
    "an import sets something else of the plugin: 1.x forgets the rest": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, PATH),
            "more.toml": lines(
                '[plugins."io.containerd.grpc.v1.cri"]', "max_concurrent_downloads = 3"
            ),
        },
        expected=each(UNSET, UNSET, READS, READS, READS),
    ),
    "imports by a pattern, in order, hidden ones too": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["/etc/containerd/conf.d/*.toml"]'),
            "conf.d/20.toml": lines(GRPC, PATH),
            "conf.d/.10.toml": lines(GRPC, OTHER),
            "conf.d/30.txt": lines(GRPC, OTHER),
        }
    ),
    "imports by a relative pattern: 1.6.20 looks in its working directory": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["conf.d/*.toml"]'),
            "conf.d/20.toml": lines(GRPC, PATH),
        },
        expected=each(UNSET, READS, READS, READS, READS),
    ),
    "imports of imports, in a circle, the nearer ones first": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["a/a.toml", "b.toml"]'),
            "a/a.toml": lines('imports = ["c.toml", "../config.toml"]', GRPC, OTHER),
            "a/c.toml": lines(GRPC, PATH),
            "b.toml": lines(GRPC, OTHER),
        }
    ),
    "an import of version 3 beside version 2": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, OTHER),
            "more.toml": lines("version = 3", IMAGES, PATH),
        },
        expected=each(READS, BROKEN, READS, READS, READS),
    ),
    "an import of version 3 that says nothing of it": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, PATH),
            "more.toml": lines("version = 3", IMAGES),
        },
        expected=each(READS, BROKEN, UNSET, READS, READS),
    ),
    "an import of version 1 beside version 2: 1.x then looks for short names": Case(
        files={
            "config.toml": lines("version = 2", 'imports = ["more.toml"]', GRPC, OTHER),
            "more.toml": lines("version = 1", SHORT, PATH),
        }
    ),
    "an import that is not there": Case(
        files={"config.toml": lines("version = 2", 'imports = ["no.toml"]', GRPC, PATH)},
        expected=ALL_BROKEN,
    ),
    "a pattern that matches nothing": Case(
        files={"config.toml": lines("version = 2", 'imports = ["/etc/no/*.toml"]', GRPC, PATH)}
    ),
    "no TOML": Case(files={"config.toml": lines("version = 2", "[plugins")}, expected=ALL_BROKEN),
    "a wrong type": Case(
        files={"config.toml": lines("version = 2", "imports = 3")}, expected=ALL_BROKEN
    ),
    "another file, by the command line": Case(
        files={
            "config.toml": lines("version = 2", GRPC, OTHER),
            "mine/config.toml": lines("version = 2", 'imports = ["more.toml"]'),
            "mine/more.toml": lines(GRPC, PATH),
        },
        arguments=("--config=/etc/containerd/mine/config.toml",),
    ),
    "lines that end as on Windows": Case(
        files={"config.toml": lines("version = 2", GRPC, PATH).replace("\n", "\r\n")}
    ),
    "a byte order mark: 2.x does not start": Case(
        files={"config.toml": "\ufeff" + lines("version = 2", GRPC, PATH)},
        expected=each(READS, READS, BROKEN, BROKEN, BROKEN),
    ),
}


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
        return ContainerdRuntime(self.seen, setting="auto", cri=cri).observe()

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
    runtime = ContainerdRuntime(ground.seen, setting="auto", cri=CriClient(ground.seen))
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
