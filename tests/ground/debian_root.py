"""A whole Debian as a node's root directory, and what boots it without a container engine."""

from pathlib import Path

from tests.ground import debian
from tests.ground.programs import Program

SUITE = "bookworm"


def systemd_nspawn() -> Program:
    """systemd-nspawn, with the libraries of its own systemd."""
    packages = ("systemd-container", "libsystemd-shared")
    found = debian.unpack(suite=SUITE, packages=packages)
    private = tuple(place / "systemd" for place in found.libraries)
    return Program(
        executable=found.tree / "usr/bin/systemd-nspawn",
        version=found.version,
        tree=found.tree,
        libraries=(*found.libraries, *private),
    )


def debian_root() -> Path:
    """With systemd, D-Bus, containerd and runc, as their packages install them."""
    return debian.bootstrap(
        suite=SUITE,
        packages=("systemd", "systemd-sysv", "dbus", "iproute2", "containerd", "runc"),
    )
