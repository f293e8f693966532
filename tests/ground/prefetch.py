"""Every program of programs.py, fetched or built ahead of the tests, one line each.

`python -m tests.ground.prefetch` takes all of them and says what is missing; with `node` or
`cluster` after it, only those of `make realnode` or only what `make realcluster` adds.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.ground import debian_root, programs
from tests.ground.debian import ProgramMissingError
from tests.ground.programs import Program

_Wanted = dict[str, Callable[[], Program | Path]]
_NODE: _Wanted = {
    "docker-registry": programs.docker_registry,
    "nginx": programs.nginx,
    "strace": programs.strace,
    "iproute2": programs.iproute2,
    "buildah": programs.buildah,
    "runc": programs.runc,
    "busybox": programs.busybox,
    "qemu-aarch64": programs.qemu_aarch64,
    **{
        f"containerd {version}": partial(programs.containerd, version)
        for version in programs.CONTAINERD_VERSIONS
    },
    f"containerd {programs.NEWEST_1_7}": partial(programs.containerd, programs.NEWEST_1_7),
    **{f"cri-o {version}": partial(programs.crio, version) for version in programs.CRIO_VERSIONS},
    "cri-dockerd": programs.cri_dockerd,
    "spegel": programs.spegel,
    "conmon": programs.conmon,
    **{
        f"docker {version}": partial(programs.dockerd, version)
        for version in programs.DOCKER_VERSIONS
    },
    "systemd-nspawn": debian_root.systemd_nspawn,
    "a whole Debian": debian_root.debian_root,
    "podman, skopeo and buildah": programs.image_tools,
}
_CLUSTER: _Wanted = {
    "distribution": programs.distribution,
    "front": programs.front,
    "crane": programs.crane,
    "ko": programs.ko,
    "kaniko": programs.kaniko,
    "crane of Knative": programs.crane_of_knative,
    "promtool": programs.promtool,
    "etcd": programs.etcd,
    "cni-plugins": programs.cni_plugins,
    "nft": programs.nft,
    **{name: partial(programs.kubernetes, name) for name in programs.KUBERNETES_PROGRAMS},
}


def prefetch(wanted: _Wanted) -> int:
    """Fetch programs, one line each; 1 if something is missing and CI asks for all of it."""
    missing = 0
    for name, fetch in wanted.items():
        started = time.monotonic()
        try:
            found = fetch()
        except ProgramMissingError as trouble:
            missing += 1
            _say(f"NOT AVAILABLE, NOT TESTED: {trouble}")
        else:
            took = time.monotonic() - started
            _say(f"{name:23} {_version(found):28} {took:6.1f} s  {_place(found)}")
    return 1 if missing and os.environ.get("CI") == "true" else 0


def _version(found: Program | Path) -> str:
    if isinstance(found, Path):
        return debian_root.SUITE
    return found.version or "the machine's own"


def _place(found: Program | Path) -> Path:
    return found if isinstance(found, Path) else found.executable


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["pip-wheels"]:
            _say(str(programs.pip_wheels()))
        case ["node"]:
            sys.exit(prefetch(_NODE))
        case ["cluster"]:
            sys.exit(prefetch(_CLUSTER))
        case _:
            sys.exit(prefetch(_NODE | _CLUSTER))
