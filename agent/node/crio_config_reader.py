"""CRI-O's own configuration on the node, as far as pulls depend on it.

The main file and its drop-ins, each of them whole TOML; a later value wins (CRI-O 1.28 to 1.37,
pkg/config/config.go, UpdateFromFile and UpdateFromPath). One that cannot be read is passed over:
CRI-O itself would not start with it, so the running one has older settings, or the defaults.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.node.containerd_config_reader import MAX_BYTES, matching_paths
from agent.node.node_trouble import node_trouble
from agent.node.seen_path import seen_path
from agent.plain_file import NotPlainError, read_plain_file
from agent.planning.model import HostPath

DEFAULT_CONFIG, DEFAULT_CONFIG_DIR = HostPath("/etc/crio/crio.conf"), "/etc/crio/crio.conf.d"
DEFAULT_SOCKET = HostPath("/var/run/crio/crio.sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrioConfig:
    """Where its socket is, whether it watches the drop-ins, and the files that say so."""

    socket: HostPath
    reloads_itself: bool
    files: tuple[HostPath, ...]


def read_crio_config(host_root: Path, options: Mapping[str, str]) -> CrioConfig:
    """The configuration of a CRI-O with these flags. Raises NodeTrouble when the kernel refuses."""
    main = HostPath(options.get("config", DEFAULT_CONFIG))
    drop_ins = options.get("config-dir", DEFAULT_CONFIG_DIR)
    files = (main, *matching_paths(host_root, f"{drop_ins}/*"))
    socket, reloads_itself = options.get("listen", ""), False
    for _, content in read_files(host_root, files):
        tables = _tables(content)
        socket = options.get("listen") or _text(tables, "api", "listen") or socket
        reloads_itself = _flag(tables, "image", "auto_reload_registries", default=reloads_itself)
    return CrioConfig(
        socket=HostPath(socket or DEFAULT_SOCKET), reloads_itself=reloads_itself, files=files
    )


def read_files(host_root: Path, paths: tuple[HostPath, ...]) -> Iterator[tuple[HostPath, bytes]]:
    """The files that are there, in that order. Raises NodeTrouble when the kernel refuses."""
    for path in paths:
        with node_trouble(where=path, doing="reading CRI-O's configuration"):
            try:
                content = read_plain_file(seen_path(host_root, path), limit=MAX_BYTES).content
            except (FileNotFoundError, NotPlainError):
                continue
        yield path, content


def _tables(content: bytes) -> Mapping[str, object]:
    try:
        found = tomllib.loads(content.decode()).get("crio")
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _text(tables: Mapping[str, object], name: str, key: str) -> str:
    match tables.get(name):
        case {**values} if isinstance(text := values.get(key), str):
            return text
        case _:
            return ""


def _flag(tables: Mapping[str, object], name: str, key: str, *, default: bool) -> bool:
    match tables.get(name):
        case {**values} if isinstance(flag := values.get(key), bool):
            return flag
        case _:
            return default
