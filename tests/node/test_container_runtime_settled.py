"""Whether a process is younger than its configuration: nothing but a clear yes counts as one."""

import os
from pathlib import Path

import pytest

from tests.node.containerd_host import Host, furnished_host

BOOT = 1_700_000_000
TICKS = os.sysconf("SC_CLK_TCK")
STARTED = BOOT + 1000
HOUR = 3600


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A node whose containerd was started 1000 s after the boot, and made its socket then."""
    made = furnished_host(tmp_path)
    made.start(started=1000 * TICKS)
    made.booted_at = BOOT
    change(made, "run/containerd/containerd.sock", at=STARTED + 1)
    edit(made, at=STARTED - 50)
    return made


def edit(host: Host, *, at: float) -> None:
    """Somebody changes the configuration, when the clock shows that time."""
    for path in ("etc/containerd/config.toml", "etc/containerd"):
        change(host, path, at=at)


def change(host: Host, path: str, *, at: float) -> None:
    os.utime(host.root / path, (at, at))


def test_one_that_was_started_after_the_last_change_is_settled(host: Host):
    assert host.runtime.observe().settled


def test_one_that_was_started_as_soon_as_its_package_had_written_its_configuration_is_too(
    host: Host,
):
    edit(host, at=STARTED - 0.1)
    assert host.runtime.observe().settled


def test_one_whose_configuration_was_changed_since_is_not(host: Host):
    edit(host, at=STARTED + 50)
    assert not host.runtime.observe().settled


def test_it_is_not_settled_by_a_clock_that_is_set_forward_afterwards(host: Host):
    edit(host, at=STARTED + 50)
    host.booted_at = BOOT + HOUR
    assert not host.runtime.observe().settled


def test_it_is_not_settled_by_a_clock_that_was_set_back_before_the_change(host: Host):
    edit(host, at=STARTED + 50 - HOUR)
    host.booted_at = BOOT - HOUR
    assert not host.runtime.observe().settled


def test_without_its_socket_it_is_not_known_when_it_was_started(host: Host):
    (host.root / "run/containerd/containerd.sock").unlink()
    assert not host.runtime.observe().settled
