"""The change that a person has to make: exact, whole, and nothing of it a secret."""

import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planning.containerd_config_file import parse_config_file
from agent.planning.containerd_edit import find_config_path_change, render_change
from agent.planning.containerd_merge import parse_version
from agent.planning.model import HostPath

MAIN = HostPath("/etc/containerd/config.toml")
GOLDEN = Path(__file__).parent.parent / "golden" / "containerd"
CERTS_D = "/etc/containerd/certs.d"


def change(*texts: str, version: str = "1.7.24") -> str:
    files = [
        parse_config_file(HostPath(f"/etc/containerd/{place or 'config'}.toml"), text.encode())
        for place, text in enumerate(texts)
    ]
    found = find_config_path_change(
        files, main=MAIN, config_path=CERTS_D, version=parse_version(version)
    )
    return render_change(found) if found else ""


def patched(root: Path, text: str, diff: str) -> str:
    """What `patch` makes of the main file."""
    place = root / "etc/containerd/config.toml"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(text.encode())
    command = ["/usr/bin/patch", "-p1", "--fuzz=0", "--binary"]
    subprocess.run(  # noqa: S603 - the machine's own patch
        command, input=diff.encode(), cwd=root, check=True, capture_output=True
    )
    return place.read_bytes().decode()


@pytest.mark.parametrize("name", ["dump", "nested", "registry", "unset"])
def test_the_diff_is_exactly_this(name: str):
    before = (GOLDEN / f"config-{name}.toml").read_text()

    assert change(before) == (GOLDEN / f"config-{name}.diff").read_text()


def test_a_missing_file_is_made(tmp_path: Path):
    diff = change()
    subprocess.run(
        ["/usr/bin/patch", "-p1"],
        input=diff.encode(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    made = tomllib.loads((tmp_path / "etc/containerd/config.toml").read_text())
    assert made == {
        "version": 2,
        "plugins": {"io.containerd.grpc.v1.cri": {"registry": {"config_path": CERTS_D}}},
    }


@pytest.mark.parametrize(
    ("texts", "version", "file", "table"),
    [
        (["version = 2"], "1.7.24", "config", "io.containerd.grpc.v1.cri"),
        (["version = 2"], "2.1.9", "config", "io.containerd.grpc.v1.cri"),
        (["version = 3"], "2.1.9", "config", "io.containerd.cri.v1.images"),
        (["version = 3"], "1.6.20", "config", "io.containerd.grpc.v1.cri"),
        (["# nothing"], "2.1.9", "config", "io.containerd.cri.v1.images"),
        (["# nothing"], "1.6.20", "config", "cri"),
        (
            ["version = 2", '[plugins."io.containerd.grpc.v1.cri"]\nx = 1'],
            "1.7.24",
            "1",
            "io.containerd.grpc.v1.cri",
        ),
        (
            ['version = 2\n[plugins."io.containerd.cri.v1.images"]\nx = 1'],
            "2.1.9",
            "config",
            "io.containerd.cri.v1.images",
        ),
    ],
)
def test_it_belongs_where_that_containerd_reads_it(texts, version, file, table):
    diff = change(*texts, version=version)

    assert f"+++ b/etc/containerd/{file}.toml\n" in diff
    assert f"{table}" in diff.replace('"', "")
    assert f'+config_path = "{CERTS_D}"' in diff


def test_an_unusual_way_to_write_it_is_kept(tmp_path: Path):
    text = (
        "version = 2 # two\n"
        "plugins.'io.containerd.grpc.v1.cri'.registry.config_path = '' # none\n"
        "[grpc]\n"
    )

    after = patched(tmp_path, text, change(text))

    assert after == text.replace("''", f'"{CERTS_D}"')


def test_where_tomlkit_cannot_tell_nothing_is_shown():
    assert change('version = 2\nplugins = {"io.containerd.grpc.v1.cri" = {a = 1}}') == ""


def test_no_line_that_may_be_secret_is_shown():
    text = (
        'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = ""\n'
        '[plugins."io.containerd.grpc.v1.cri".registry.configs."r".auth]\nidentitytoken = "hush"\n'
    )

    diff = change(text)

    assert "hush" not in diff
    assert [line[0] for line in diff.splitlines()[2:]] == ["@", "-", "+"]


def test_the_last_line_may_lack_its_end(tmp_path: Path):
    text = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = ""'

    after = patched(tmp_path, text, change(text))

    assert after == text.replace('""', f'"{CERTS_D}"')


comments = st.from_regex(r"\A(#[ a-z\u2028\f]{0,9})?\Z").filter(lambda text: "\f" not in text)
values = st.one_of(
    st.integers(-9, 9).map(str), st.booleans().map(lambda b: str(b).lower()), st.just('"a # b"')
)
tables = st.sampled_from(
    [
        "grpc",
        "plugins",
        'plugins."io.containerd.gc.v1.scheduler"',
        'plugins."io.containerd.grpc.v1.cri"',
        'plugins."io.containerd.grpc.v1.cri".registry',
        'plugins."io.containerd.grpc.v1.cri".registry.headers',
        'plugins."io.containerd.grpc.v1.cri".containerd',
        "timeouts",
    ]
)


@st.composite
def configurations(draw: st.DrawFn, *, ordered: bool) -> str:
    """Tables indented and commented as people do; `ordered`: outer ones before inner ones."""
    lines = ["version = 2 " + draw(comments)]
    chosen = draw(st.lists(tables, unique=True))
    for table in sorted(chosen, key=len) if ordered else chosen:
        indent = draw(st.sampled_from(["", "  ", "\t"]))
        lines += [draw(comments), f"{indent}[{table}] {draw(comments)}"]
        keys = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True))
        lines += [f"{indent}  {key} = {draw(values)} {draw(comments)}" for key in keys]
        if table.endswith(".registry") and draw(st.booleans()):
            lines += [f"{indent}  config_path =  '' {draw(comments)}"]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(st.sampled_from(["", "\n"]))


def assert_only_config_path_differs(before: str, after: str) -> None:
    meant = tomllib.loads(before)
    cri = meant.setdefault("plugins", {}).setdefault("io.containerd.grpc.v1.cri", {})
    cri.setdefault("registry", {})["config_path"] = CERTS_D
    assert tomllib.loads(after) == meant
    kept = (line.rstrip("\r") for line in after.split("\n"))
    assert all(
        line.rstrip("\r") in kept for line in before.split("\n") if "config_path" not in line
    )


@given(text=configurations(ordered=True))
def test_only_config_path_differs_and_every_line_stays(tmp_path_factory, text: str):
    after = patched(tmp_path_factory.mktemp("root"), text, change(text))

    assert_only_config_path_differs(text, after)


@given(text=configurations(ordered=False))
def test_tables_in_a_perverse_order_get_the_right_change_or_none(tmp_path_factory, text: str):
    diff = change(text)
    if diff:
        after = patched(tmp_path_factory.mktemp("root"), text, diff)
        assert_only_config_path_differs(text, after)
