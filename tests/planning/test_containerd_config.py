"""Which directories containerd reads, by its files and its version.

That these answers are containerd's own is shown in tests/realnode/test_config_discovery.py, which
asks the real program; here stand the details that need no program.
"""

import pytest

from agent.errors import NodeTrouble, Reason
from agent.planning.containerd_config import find_registry_directories, split_config_path
from agent.planning.containerd_config_file import parse_config_file
from agent.planning.containerd_merge import merge, parse_version
from agent.planning.model import Folder, HostPath

MAIN = HostPath("/etc/containerd/config.toml")
GRPC = '[plugins."io.containerd.grpc.v1.cri".registry]\n'
IMAGES = '[plugins."io.containerd.cri.v1.images".registry]\n'
CERTS_D = Folder(base=HostPath("/etc/containerd"), below=("certs.d",))
UNSPLIT = Folder(base=HostPath("/etc/containerd"), below=("certs.d:", "etc", "docker", "certs.d"))


def find(*texts: str, version: str):
    files = [
        parse_config_file(HostPath(f"/etc/containerd/{place or 'config'}.toml"), text.encode())
        for place, text in enumerate(texts)
    ]
    return find_registry_directories(files, main=MAIN, version=version)


def test_one_directory_is_one_root():
    found = find(f'version = 2\n{GRPC}config_path = "/etc/containerd/certs.d/"', version="1.7.24")

    assert found.roots == (CERTS_D,)
    assert found.problems == ()


@pytest.mark.parametrize("version", ["2.2.0", "2.3.4", "2.4.0-beta.0", ""])
def test_where_there_is_a_default_or_the_version_is_unknown_both_places_are_served(version):
    found = find("version = 2", version=version)

    assert found.roots == (CERTS_D, UNSPLIT)
    assert found.problems == ()
    assert found.change_needed == ""


@pytest.mark.parametrize("version", ["1.6.20~ds1", "1.7.24", "v2.0.0", "2.1.9-k3s1"])
def test_where_there_is_no_default_the_place_is_staged_and_the_change_shown(version):
    found = find("version = 2", version=version)

    assert found.roots == (CERTS_D,)
    assert [problem.reason for problem in found.problems] == [Reason.CONFIG_PATH_UNSET]
    assert '+config_path = "/etc/containerd/certs.d"\n' in found.change_needed


def test_mirrors_are_named_with_their_file_and_table():
    found = find(
        f'version = 2\n{GRPC}config_path = ""',
        '[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]\nendpoint = []',
        version="2.2.1",
    )

    assert found.roots == ()
    assert [problem.where for problem in found.problems] == ["/etc/containerd/1.toml"]
    assert 'plugins."io.containerd.grpc.v1.cri".registry.mirrors' in found.problems[0].detail


@pytest.mark.parametrize(
    ("version", "reasons"),
    [("1.6.20", [Reason.LEGACY_MIRRORS]), ("2.0.0", [Reason.CONFIG_PATH_UNSET]), ("", [])],
)
def test_certificates_by_the_old_way_count_only_where_they_are_known(version, reasons):
    text = (
        'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."r:5000".tls]\n'
        'key_file = "/secret"'
    )

    found = find(text, version=version)

    assert [problem.reason for problem in found.problems] == reasons
    assert "/secret" not in str(found.problems)


@pytest.mark.parametrize(
    ("config_path", "paths"),
    [
        ("/a/b", ["/a/b"]),
        ("/a/b/:/c", ["/a/b", "/a/b/:/c"]),
        ("/a:/b", ["/a", "/a:/b"]),
        ("/a::/b", ["/a", "/a::/b"]),
        (":/a", ["/a", "/:/a"]),
        ("/a:/a", ["/a", "/a:/a"]),
        ("/a:/../b", ["/a", "/b"]),
        ("/x/../a", ["/a"]),
        ("//a//b/.", ["/a/b"]),
        ("a/b", ["/a/b"]),
        ("a:/b", ["/b", "/a:/b"]),
        ("/", ["/"]),
    ],
)
def test_a_config_path_is_split_as_containerd_does(config_path, paths):
    roots = split_config_path(config_path)

    assert [root.path or "/" for root in roots] == paths


def test_a_unsplit_directory_has_the_base_of_the_first():
    assert split_config_path("/etc/containerd/certs.d:/etc/docker/certs.d") == (CERTS_D, UNSPLIT)


@pytest.mark.parametrize(
    ("texts", "version", "where"),
    [
        (["version = 3"], "1.7.17", "/etc/containerd/config.toml"),
        (["version = 4"], "2.2.2", "/etc/containerd/config.toml"),
        (["version = 5"], "2.3.0", "/etc/containerd/config.toml"),
        (["version = 2", "[plugins.cri]"], "1.6.20", "/etc/containerd/1.toml"),
        (["version = 2", "version = 3"], "2.3.4", "/etc/containerd/1.toml"),
        (["", "\ufeff"], "2.0.0", "/etc/containerd/1.toml"),
    ],
)
def test_a_configuration_that_containerd_would_not_start_with_is_broken(texts, version, where):
    with pytest.raises(NodeTrouble) as caught:
        find(*texts, version=version)

    assert caught.value.problem.reason is Reason.RUNTIME_CONFIG_BROKEN
    assert caught.value.problem.where == where


@pytest.mark.parametrize(
    ("texts", "version"),
    [
        (["version = 3"], "1.7.16"),
        (["version = 3"], "1.6.36"),
        (["version = 9"], ""),
        (["", "[plugins.cri]"], "1.6.20"),
        (["version = 2", "version = 3"], "2.3.5"),
        (["version = 3", "version = 2"], "2.3.4"),
        (["", "version = 2"], "2.3.4"),
        (["\ufeff"], "1.7.24"),
    ],
)
def test_a_configuration_that_containerd_starts_with_is_not_broken(texts, version):
    assert find(*texts, version=version).roots


@pytest.mark.parametrize(
    "text",
    [
        "version = '2'",
        "version = true",
        "imports = 'x'",
        "imports = [1]",
        "disabled_plugins = 1",
        "plugins = 1",
        "plugins.cri = 1",
        "plugins.cri.registry = 1",
        "plugins.cri.registry.config_path = 1",
        "plugins.cri.registry.mirrors = 1",
        "plugins.cri.registry.configs.a = 1",
        "grpc.address = 1",
        "[plugins",
        "a = 1\na = 2",
    ],
)
def test_what_containerd_cannot_decode_is_broken(text):
    with pytest.raises(NodeTrouble) as caught:
        parse_config_file(MAIN, text.encode())

    assert caught.value.problem.reason is Reason.RUNTIME_CONFIG_BROKEN


def test_a_file_that_is_not_utf8_is_broken():
    with pytest.raises(NodeTrouble):
        parse_config_file(MAIN, b"a = '\xff'")


@pytest.mark.parametrize(
    ("texts", "version", "socket"),
    [
        ([""], "1.7.24", "/run/containerd/containerd.sock"),
        (["[grpc]\naddress = '/a'"], "1.7.24", "/a"),
        (["[grpc]\naddress = '/a'", "[grpc]\naddress = ''"], "2.1.9", "/a"),
        (["[grpc]\naddress = '/a'", "[grpc]\naddress = '/b'"], "2.1.9", "/b"),
        (["version = 3\n[grpc]\naddress = '/a'"], "2.3.4", "/a"),
        (["version = 4\n[grpc]\naddress = '/a'"], "2.3.4", "/run/containerd/containerd.sock"),
        (
            ['version = 4\n[plugins."io.containerd.server.v1.grpc"]\naddress = "/a"'],
            "2.3.4",
            "/a",
        ),
    ],
)
def test_the_socket_is_where_that_version_looks_for_it(texts, version, socket):
    files = [parse_config_file(MAIN, text.encode()) for text in texts]

    assert socket == merge(files, version=parse_version(version)).socket


@pytest.mark.parametrize(
    "name", ["cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images"]
)
def test_a_containerd_with_its_cri_plugin_disabled_serves_no_cri(name):
    file = parse_config_file(MAIN, f"disabled_plugins = ['{name}']".encode())

    assert not merge([file], version=None).serves_cri


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.7.24~ds1", (1, 7, 24)),
        ("v2.1.5-k3s1", (2, 1, 5)),
        ("2.10.0", (2, 10, 0)),
        ("2.4.0-beta.0", (2, 4, 0)),
        ("", None),
        ("dev", None),
        ("1.7", None),
    ],
)
def test_versions_as_distributions_write_them(text, version):
    assert version == parse_version(text)
