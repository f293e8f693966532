"""What containerd makes of its configuration files, by its own version.

Three generations read the same files differently, each rule below taken from the source and shown
on the real program (tests/realnode/test_config_discovery.py):

- 1.5 to 1.7 (services/server/config/config.go): a later file replaces a plugin's whole table; the
  merged `version` says which name of the CRI plugin counts.
- 2.0 to 2.2 (cmd/containerd/server/config/config.go): tables merge key by key; the CRI table of
  version 2 is moved to its new place once, after the merge, and only if the merged version is 2. A
  file of version 1 or none gets new plugin *names* but counts as version 3: what it says about CRI
  is silently lost.
- 2.3 on: each file is brought to version 4 by itself, then tables merge key by key.

A runtime whose version is not known is read as the newest generation does.
"""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from agent.planning.containerd_config_file import (
    GRPC_CRI,
    GRPC_SERVER,
    IMAGES_CRI,
    RUNTIME_CRI,
    SHORT_CRI,
    ConfigFile,
    Table,
    clean,
    section,
    string,
    strings,
)
from agent.planning.model import HostPath

Version: TypeAlias = tuple[int, int, int]

DEFAULT_SOCKET = HostPath("/run/containerd/containerd.sock")

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?!\d).*")
_PATTERNS_FROM_FILE: tuple[Version, ...] = ((1, 6, 29), (1, 7, 16))
_SHORT_NAMES = 1  # the last file version that calls the plugin `cri`; 0 is a file without one
_GRPC_TABLE = 2  # the file version whose registry settings stand in the plugin of the CRI server
_SERVER_PLUGINS = 4  # the first file version that has the socket among the plugins
_CRI_PLUGINS = frozenset({SHORT_CRI, GRPC_CRI, IMAGES_CRI, RUNTIME_CRI})


class Generation(Enum):
    """The three ways to merge. See the module's docstring."""

    REPLACES_PLUGINS = auto()
    MIGRATES_LATE = auto()
    MIGRATES_EACH = auto()

    @classmethod
    def of(cls, version: Version | None) -> "Generation":
        """The generation of a runtime; the newest when its version is not known."""
        if version is None or version >= (2, 3, 0):
            return cls.MIGRATES_EACH
        return cls.MIGRATES_LATE if version >= (2, 0, 0) else cls.REPLACES_PLUGINS


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedConfig:
    """What the merged files say, as far as pulls by CRI are concerned."""

    registry: Table
    socket: HostPath
    serves_cri: bool


def parse_version(text: str) -> Version | None:
    """`1.7.24~ds1`, `v2.1.5-k3s1` and the like; None for what names no release."""
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def merge(files: Sequence[ConfigFile], *, version: Version | None) -> MergedConfig:
    """What a runtime of this version reads from these files, given in its own order."""
    generation = Generation.of(version)
    if generation is Generation.REPLACES_PLUGINS:
        plugins = _replaced(files)
        cri = SHORT_CRI if merged_version(files, start=1) == 1 else GRPC_CRI
    else:
        late = generation is Generation.MIGRATES_LATE
        plugins = _migrated_late(files) if late else _migrated_each(files)
        cri = IMAGES_CRI
    if generation is Generation.MIGRATES_EACH:
        address = string(section(plugins, GRPC_SERVER), "address")
    else:
        address = _last_address(files)
    disabled = {name for file in files for name in file.disabled_plugins}
    return MergedConfig(
        registry=section(plugins, cri, "registry"),
        socket=HostPath(address or DEFAULT_SOCKET),
        serves_cri=disabled.isdisjoint(_CRI_PLUGINS),
    )


def merged_version(files: Sequence[ConfigFile], *, start: int) -> int:
    """The last version that a file names; `start` when none does."""
    return next((file.version for file in reversed(files) if file.version), start)


def import_paths(file: ConfigFile, *, version: Version | None) -> tuple[HostPath, ...]:
    """What a file imports, in order: absolute paths, and patterns where there is a `*`.

    Relative ones start from the importing file; but in older releases a relative pattern started
    from the working directory (resolveImports; changed in 1.6.29 and 1.7.16).
    """
    here = posixpath.dirname(file.path)
    since = next((fix for fix in _PATTERNS_FROM_FILE if version and version[:2] == fix[:2]), None)
    from_root = version is not None and version < (since or _PATTERNS_FROM_FILE[0])
    return tuple(
        clean(name if from_root and "*" in name else posixpath.join(here, name))
        for name in strings(file.values, "imports")
    )


def _last_address(files: Sequence[ConfigFile]) -> str:
    """`grpc.address` of versions 1 to 3; an empty one never replaces another."""
    addresses = (string(section(file.values, "grpc"), "address") for file in reversed(files))
    return next(filter(None, addresses), "")


def _replaced(files: Sequence[ConfigFile]) -> Table:
    plugins: dict[str, object] = {}
    for file in files:
        plugins |= file.plugins
    return plugins


def _migrated_late(files: Sequence[ConfigFile]) -> Table:
    plugins: Table = {}
    for file in files:
        plugins = _deep(plugins, _long_names(file))
    named = [file for file in files if file.version > _SHORT_NAMES]
    return _moved(plugins) if merged_version(named, start=3) == _GRPC_TABLE else plugins


def _migrated_each(files: Sequence[ConfigFile]) -> Table:
    plugins: Table = {}
    for file in files:
        own = _long_names(file)
        if file.version < _SERVER_PLUGINS:
            own = {**_address_as_plugin(file), **_moved(own)}
        plugins = _deep(plugins, own)
    return plugins


def _long_names(file: ConfigFile) -> Table:
    """The plugins under the names of version 2, as far as they concern us."""
    if file.version > _SHORT_NAMES:
        return file.plugins
    return {GRPC_CRI if name == SHORT_CRI else name: own for name, own in file.plugins.items()}


def _moved(plugins: Table) -> Table:
    """The registry settings of version 2 at their new place, where they replace what stood there.

    Source: containerd 2.0 to 2.4, plugins/cri/images/plugin.go, migrateConfig.
    """
    old = section(plugins, GRPC_CRI)
    if "registry" not in old:
        return plugins
    return {**plugins, IMAGES_CRI: {**section(plugins, IMAGES_CRI), "registry": old["registry"]}}


def _address_as_plugin(file: ConfigFile) -> Table:
    """The socket of versions 1 to 3 at its place in version 4 (2.3, config.go, serviceMigrate)."""
    address = string(section(file.values, "grpc"), "address")
    return {GRPC_SERVER: {"address": address}} if address else {}


def _deep(under: Table, over: Table) -> dict[str, object]:
    """Both tables, key by key; where both have a value that is not a table, the later one's."""
    merged = dict(under)
    for key, value in over.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _deep(before, value)
        else:
            merged[key] = value
    return merged
