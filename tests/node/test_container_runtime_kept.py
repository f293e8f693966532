"""A view is kept while nothing that it was made from changes, and never for a moment longer."""

import os
from pathlib import Path
from threading import Event

import pytest

from agent.node.daemon_finder import Rest
from agent.planning.model import HostPath
from tests.node.containerd_host import CONFIG, Host, furnished_host

CONFIG_TOML = "/etc/containerd/config.toml"
OTHER = CONFIG.replace("/etc/containerd", "/opt/containerd")
SAME_LENGTH = CONFIG.replace("/etc/containerd", "/var/containerd")

_REST = Event()  # never set: waiting on it is a pause


def rest() -> None:
    """Until what was written is older than the kernel's clock can mistake."""
    _REST.wait(0.15)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = furnished_host(tmp_path)
    host.write(CONFIG_TOML, CONFIG)
    host.start()
    rest()
    return host


def root(host: Host) -> str:
    (found,) = host.runtime.observe().roots
    return found.path


def test_what_has_not_changed_is_not_read_again(host: Host):
    assert host.runtime.observe() is host.runtime.observe()


def test_a_change_in_place_of_equal_length_and_age_is_seen(host: Host):
    assert root(host) == "/etc/containerd/certs.d"
    place = host.root / CONFIG_TOML.lstrip("/")
    before = place.stat()
    with place.open("r+") as file:
        file.write(SAME_LENGTH)
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert root(host) == "/var/containerd/certs.d"


def test_what_was_just_written_is_read_again(host: Host):
    host.write(CONFIG_TOML, CONFIG)
    assert host.runtime.observe() is not host.runtime.observe()


def test_two_changes_within_one_tick_of_the_clock_are_both_seen(host: Host):
    for text, expected in ((SAME_LENGTH, "/var"), (CONFIG, "/etc"), (SAME_LENGTH, "/var")):
        with (host.root / CONFIG_TOML.lstrip("/")).open("r+") as file:
            file.write(text)
        assert root(host) == f"{expected}/containerd/certs.d"


def test_a_file_that_a_pattern_comes_to_match_is_seen(host: Host):
    host.write(CONFIG_TOML, 'version = 2\nimports = ["/conf.d/*.toml"]\n')
    host.write("/conf.d/a.toml", CONFIG)
    rest()
    assert root(host) == "/etc/containerd/certs.d"
    host.write("/conf.d/b.toml", OTHER)
    assert root(host) == "/opt/containerd/certs.d"


def test_another_process_is_seen(host: Host):
    assert host.runtime.observe().pid == 700
    host.end()
    host.start(pid=701, started=101)
    assert host.runtime.observe().pid == 701


def test_a_version_that_was_not_told_is_asked_for_again(host: Host):
    host.cri.answer = None
    host.runtime.observe()
    host.runtime.observe()
    assert len(host.cri.asked) == 2


def test_a_view_of_one_that_rests_elsewhere_is_not_taken_for_it(host: Host):
    host.end()
    host.write("/etc/k0s/containerd.toml", OTHER)
    rest()
    assert root(host) == "/etc/containerd/certs.d"
    elsewhere = Rest(config=HostPath("/etc/k0s/containerd.toml"))
    (found,) = host.runtime.observe(elsewhere).roots
    assert found.path == "/opt/containerd/certs.d"
