"""Configurations that can be parsed, and with which containerd would yet not start.

A running containerd is older than a file that was changed under it; the next restart of the node
is when it would fail. Better said now. Each rule names its source in containerd, and was seen on
the real program.
"""

from collections.abc import Sequence

from agent.planning.containerd_config_file import BYTE_ORDER_MARK, ConfigFile, broken
from agent.planning.containerd_merge import Generation, Version, merged_version

_REFUSES_NEWER_FROM: Version = (1, 7, 17)  # before it, a version it does not know counts as 2
_REFUSES_MIXED: tuple[Version, Version] = ((2, 3, 0), (2, 3, 4))  # reverted in 1125b053f
_PARTS_OF_A_PLUGIN_NAME = 4


def check_start(files: Sequence[ConfigFile], *, version: Version | None) -> None:
    """Raise NodeTrouble (runtime-config-broken) where a containerd of this version would not start.

    Nothing is held against a runtime whose version is not known.
    """
    if version is None:
        return
    newest = _newest_file_version(version)
    for file in files:
        if newest and file.version > newest:
            detail = f"containerd {_text(version)} reads no version {file.version}, only {newest}"
            raise broken(file.path, f"{detail} and older")
    if Generation.of(version) is Generation.REPLACES_PLUGINS:
        _check_plugin_names(files)
    else:
        _check_marks(files)
    if _REFUSES_MIXED[0] <= version <= _REFUSES_MIXED[1]:
        _check_mixture(files, version=version)


def _newest_file_version(version: Version) -> int:
    """The newest file version that it reads (ValidateV2, ValidateVersion); 0 where it takes any."""
    generation = Generation.of(version)
    if generation is Generation.REPLACES_PLUGINS:
        return 2 if version >= _REFUSES_NEWER_FROM else 0
    return 3 if generation is Generation.MIGRATES_LATE else 4


def _check_plugin_names(files: Sequence[ConfigFile]) -> None:
    """From file version 2 on, 1.x wants whole plugin names (ValidateV2)."""
    if merged_version(files, start=1) == 1:
        return
    for file in files:
        for name in file.plugins:
            if len(name.split(".")) < _PARTS_OF_A_PLUGIN_NAME:
                raise broken(file.path, f"{name!r} is no plugin name of file version 2")


def _check_marks(files: Sequence[ConfigFile]) -> None:
    """The reader of 1.x takes a byte order mark, that of 2.x does not (go-toml 1 and 2)."""
    for file in files:
        if file.text.startswith(BYTE_ORDER_MARK):
            raise broken(file.path, "it begins with a byte order mark")


def _check_mixture(files: Sequence[ConfigFile], *, version: Version) -> None:
    """2.3.0 to 2.3.4: no imported file may be newer than the main one (LoadConfigWithPlugins)."""
    root = next((file.version for file in files if file.version), 0)
    for file in files:
        if file.version > root:
            detail = f"its version {file.version} is newer than the main file's {root}, which"
            raise broken(file.path, f"{detail} containerd {_text(version)} refuses")


def _text(version: Version) -> str:
    return ".".join(map(str, version))
