"""A configuration with config_path turned on differs in that alone, to whoever reads it.

Arbitrary configurations of all four versions, read before and after by tomllib, by tomlkit and by
the real containerd, whose `config dump` is what it would run with.
"""

import subprocess
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st
from tomlkit.exceptions import TOMLKitError

from agent.planning.containerd_config_file import parse_config_file
from agent.planning.containerd_edit import find_config_path_change
from agent.planning.containerd_merge import parse_version
from agent.planning.model import HostPath
from tests.ground.programs import Program
from tests.realnode.conftest import containerd_or_skip

pytestmark = pytest.mark.realnode

MAIN = HostPath("/etc/containerd/config.toml")
CERTS_D = "/etc/containerd/certs.d"
GRPC = 'plugins."io.containerd.grpc.v1.cri"'
IMAGES = 'plugins."io.containerd.cri.v1.images"'
RUNTIME = 'plugins."io.containerd.cri.v1.runtime"'
CRI = {1: ("plugins.cri",) * 2, 2: (GRPC,) * 2, 3: (IMAGES, RUNTIME), 4: (IMAGES, RUNTIME)}
PAIRS = [("1.6", 1), ("1.6", 2), ("1.7", 2), ("2.0", 2), ("2.0", 3), ("2.1", 3), ("2.3", 4)]

comments = st.sampled_from(["", "# mine", "# [plugins]", '# config_path = "x"', "#"])
flags = st.sampled_from(["true", "false"])
numbers = st.integers(0, 99999).map(str)
texts = st.sampled_from(['"info"', "'debug'", '"""warn"""'])


def tables_of(version: int) -> dict[str, dict[str, st.SearchStrategy[str]]]:
    """Tables of a file of that version, with keys of theirs that containerd knows."""
    images, runtime = CRI[version]
    gc = "plugins.scheduler" if version == 1 else 'plugins."io.containerd.gc.v1.scheduler"'
    found = {
        "debug": {"level": texts},
        "grpc": {"max_recv_message_size": numbers, "max_send_message_size": numbers},
        "plugins": {},
        gc: {"deletion_threshold": numbers},
        images: {"max_concurrent_downloads": numbers},
        f"{images}.registry": {},
        f"{images}.registry.headers": {"X-Own": st.just('["a", "b"]')},
        f'{images}.registry.configs."r.example".auth': {"username": texts, "password": texts},
        runtime: {"enable_selinux": flags, "max_container_log_line_size": numbers},
        f"{runtime}.containerd": {"default_runtime_name": st.just('"runc"')},
        f"{runtime}.containerd.runtimes.runc.options": {"SystemdCgroup": flags},
    }
    return found if version < 4 else {name: keys for name, keys in found.items() if name != "grpc"}


@st.composite
def configurations(draw: st.DrawFn, *, version: int) -> str:
    """Tables in the order in which people have them, indented and commented as they do."""
    tables = tables_of(version)
    lines = [f"version = {version} {draw(comments)}"] if version > 1 or draw(st.booleans()) else []
    for table in sorted(draw(st.lists(st.sampled_from(sorted(tables)), unique=True)), key=len):
        indent = draw(st.sampled_from(["", "  ", "\t"]))
        lines += [draw(comments), f"{indent}[{table}] {draw(comments)}"]
        keys = tables[table]
        for key in draw(st.lists(st.sampled_from(sorted(keys)), unique=True)) if keys else []:
            lines.append(f"{indent}  {key} = {draw(keys[key])} {draw(comments)}")
        if table.endswith(".registry") and draw(st.booleans()):
            lines.append(f'{indent}  config_path = "" {draw(comments)}')
    end = draw(st.sampled_from(["\n", "\r\n"]))
    return end.join(lines) + draw(st.sampled_from(["", end]))


@pytest.mark.parametrize(("program", "version"), PAIRS)
def test_only_config_path_differs_to_every_reader(program: str, version: int, tmp_path: Path):
    containerd = containerd_or_skip(program)
    dump = partial(dumped, containerd, tmp_path / "config.toml")

    @settings(max_examples=12, derandomize=True)
    @given(before=configurations(version=version))
    def differs_in_it_alone(before: str) -> None:
        change = find_config_path_change(
            [parse_config_file(MAIN, before.encode())],
            main=MAIN,
            config_path=CERTS_D,
            version=parse_version(containerd.version),
        )
        assert change is not None
        after = change.after.decode()
        for read in (tomllib.loads, tomlkit_loads, dump):
            told = read(before), read(after)
            if None in told:
                continue  # tomlkit 0.15 cannot read every valid file
            (without, values), (same, turned_on) = map(taken_out, told)
            assert values <= {""}
            assert (same, turned_on) == (without, {CERTS_D})

    differs_in_it_alone()


def tomlkit_loads(text: str) -> dict[str, Any] | None:
    """What tomlkit reads; None for tables in an order that it takes for a mistake."""
    try:
        return tomlkit.parse(text).unwrap()
    except TOMLKitError:
        return None


def dumped(containerd: Program, place: Path, text: str) -> dict[str, Any]:
    """What that containerd would run with."""
    place.write_bytes(text.encode())
    done = subprocess.run(  # noqa: S603 - the cache's own program
        [str(containerd.executable), "--config", str(place), "config", "dump"],
        env=containerd.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (text, done.stderr)
    return tomllib.loads(done.stdout)


def taken_out(values: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The values without config_path of a registry, or tables that held nothing else; and it."""
    found: set[str] = set()

    def walk(table: dict[str, Any], *, in_registry: bool) -> dict[str, Any]:
        left = {}
        for key, value in table.items():
            if in_registry and key == "config_path":
                found.add(value)
            elif isinstance(value, dict):
                left[key] = walk(value, in_registry=key == "registry")
            else:
                left[key] = value
        return {key: value for key, value in left.items() if value != {}}

    return walk(values, in_registry=False), found
