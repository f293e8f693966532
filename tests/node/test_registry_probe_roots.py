"""The node's own roots, read below the host root as Go on the node would find them."""

import os
from pathlib import Path

import pytest

from agent.node.seen_path import seen_path
from agent.node.system_roots import FILES, system_roots
from tests.ground.certificates import Authority
from tests.node.tls_server import der


@pytest.fixture(scope="module")
def cas() -> tuple[Authority, Authority, Authority]:
    one, two, three = (Authority.create(name=name) for name in ("one", "two", "three"))
    return one, two, three


def write(root: Path, path: str, text: str) -> None:
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def link(root: Path, path: str, target: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).symlink_to(target)


def test_a_node_without_roots_has_none(tmp_path):
    assert system_roots(tmp_path) == ()


@pytest.mark.parametrize("path", FILES)
def test_each_file_that_go_knows_is_read(path, tmp_path, cas):
    one, two, _ = cas
    write(tmp_path, path, one.pem + two.pem)
    assert set(system_roots(tmp_path)) == {der(one), der(two)}


def test_only_the_first_file_is_read(tmp_path, cas):
    one, two, _ = cas
    write(tmp_path, FILES[1], one.pem)
    write(tmp_path, FILES[2], two.pem)
    assert system_roots(tmp_path) == (der(one),)


def test_every_file_of_the_directories_is_read_but_links_within_them(tmp_path, cas):
    one, two, three = cas
    write(tmp_path, "/etc/ssl/certs/one.pem", one.pem)
    write(tmp_path, "/etc/pki/tls/certs/two.crt", two.pem)
    write(tmp_path, "/usr/share/ca/three.crt", three.pem)
    link(tmp_path, "etc/ssl/certs/hash.0", "one.pem")
    link(tmp_path, "etc/ssl/certs/three.pem", "/usr/share/ca/three.crt")
    link(tmp_path, "etc/ssl/certs/gone.pem", "/usr/share/ca/gone.crt")
    assert set(system_roots(tmp_path)) == {der(one), der(two), der(three)}


def test_what_is_no_plain_file_is_passed_over_and_not_waited_for(tmp_path, cas):
    one, two, _ = cas
    write(tmp_path, FILES[1], one.pem)
    write(tmp_path, "/etc/ssl/certs/two.pem", two.pem)
    for path in (FILES[0].lstrip("/"), "etc/ssl/certs/a.pem"):
        os.mkfifo(tmp_path / path)
    assert set(system_roots(tmp_path)) == {der(one), der(two)}


def test_what_is_no_certificate_is_passed_over(tmp_path, cas):
    broken = "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n"
    write(tmp_path, FILES[0], f"# Türktrust\n{broken}{cas[0].pem}")
    assert der(cas[0]) in system_roots(tmp_path)


def test_links_are_followed_from_the_nodes_root(tmp_path):
    write(tmp_path, "/run/containerd/containerd.sock", "")
    link(tmp_path, "var/run", "/run")
    link(tmp_path, "var/up", "../../../run")
    for path in ("/var/run/containerd/containerd.sock", "/var/up/containerd/containerd.sock"):
        assert seen_path(tmp_path, path) == tmp_path / "run/containerd/containerd.sock"


def test_links_that_go_round_are_refused(tmp_path):
    link(tmp_path, "a", "/b")
    link(tmp_path, "b", "a")
    with pytest.raises(OSError, match="symbolic links"):
        seen_path(tmp_path, "/a/file")
