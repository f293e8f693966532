"""The runtimes that a node with systemd can have: Debian's containerd, or another in its place."""

from dataclasses import replace
from pathlib import Path

from tests.ground import crio, programs
from tests.ground.daemon import environment, place_of
from tests.ground.runtime import SOCKET
from tests.ground.systemd_node import RuntimeUnit

_UNITS = "etc/systemd/system"
_CRIO_SERVICE = Path(__file__).with_name("crio.service")
"""As CRI-O 1.34 and 1.36 ship it (contrib/systemd/crio.service, Apache-2.0), byte for byte."""


def debians_containerd() -> RuntimeUnit:
    """containerd 1.6, as it is installed: it reads no host directories."""
    return RuntimeUnit(name="containerd.service", socket=SOCKET)


def crio_unit(version: str) -> RuntimeUnit:
    """The CRI-O of a minor version, with its own unit. Raises ProgramMissingError."""
    own, *others = crio.tools(version)
    settings = environment(own, *others).items()
    return RuntimeUnit(
        name="crio.service",
        socket=crio.SOCKET,
        programs={
            "usr/local/bin/crio": own.executable,
            "usr/bin/kill": programs.busybox().executable,  # of procps, which the root lacks
            **{place_of(other): other.files for other in others},
        },
        files={
            f"{_UNITS}/crio.service": _CRIO_SERVICE.read_text(),
            "etc/sysconfig/crio": "".join(f"{name}={value}\n" for name, value in settings),
            crio.CONFIG: crio.configuration(version=version),
            "etc/containers/policy.json": crio.POLICY,
        },
        links={
            f"{_UNITS}/containerd.service": "/dev/null",
            f"{_UNITS}/multi-user.target.wants/crio.service": "../crio.service",
        },
    )


def containerd_unit(version: str, *, config: str) -> RuntimeUnit:
    """A containerd of a minor version with that config.toml. Raises ProgramMissingError."""
    return replace(
        debians_containerd(),
        programs={"usr/bin/containerd": programs.containerd(version).executable},
        files={"etc/containerd/config.toml": config},
    )
