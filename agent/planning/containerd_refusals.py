"""Configurations that can be parsed, and with which containerd would yet not start.

A running containerd is older than a file that was changed under it; the next restart of the node
is when it would fail. Better said now. Each rule names its source in containerd, and was seen on
the real program.
"""

from collections.abc import Sequence

from agent.errors import Problem, Reason
from agent.planning.containerd_files import ConfigFile
from agent.planning.containerd_merge import Generation, Version, merged_version
from agent.planning.model import HostPath

_REFUSES_NEWER_FROM: Version = (1, 7, 17)  # before it, a version it does not know counts as 2
_REFUSES_MIXED: tuple[Version, Version] = ((2, 3, 0), (2, 3, 4))  # reverted in 1125b053f
_PARTS_OF_A_PLUGIN_NAME = 4


def find_refusal(files: Sequence[ConfigFile], *, version: Version | None) -> Problem | None:
    """Why a containerd of this version would not start with these files; None if it would.

    Nothing is held against a runtime whose version is not known.
    """
    if version is None or not files:
        return None
    newest = _newest_file_version(version)
    too_new = [file for file in files if newest and file.version > newest]
    if too_new:
        detail = f"it has version {too_new[0].version}, and containerd {_text(version)} reads up to"
        return _problem(too_new[0].path, f"{detail} {newest}")
    if Generation.of(version) is Generation.REPLACES_PLUGINS:
        return _find_short_name(files)
    if _REFUSES_MIXED[0] <= version <= _REFUSES_MIXED[1]:
        return _find_mixed(files, version=version)
    return None


def _newest_file_version(version: Version) -> int:
    """The newest file version that it reads (ValidateV2, ValidateVersion); 0 where it takes any."""
    match Generation.of(version):
        case Generation.REPLACES_PLUGINS:
            return 2 if version >= _REFUSES_NEWER_FROM else 0
        case Generation.MIGRATES_LATE:
            return 3
        case Generation.MIGRATES_EACH:
            return 4


def _find_short_name(files: Sequence[ConfigFile]) -> Problem | None:
    """From file version 2 on, 1.x wants whole plugin names (ValidateV2)."""
    if merged_version(files, start=1) == 1:
        return None
    for file in files:
        for name in file.plugins:
            if len(name.split(".")) < _PARTS_OF_A_PLUGIN_NAME:
                return _problem(file.path, f"{name!r} is no plugin name of file version 2")
    return None


def _find_mixed(files: Sequence[ConfigFile], *, version: Version) -> Problem | None:
    """2.3.0 to 2.3.4: no imported file may be newer than the main one (LoadConfigWithPlugins)."""
    root = next((file.version for file in files if file.version), 0)
    for file in files:
        if file.version > root:
            detail = (
                f"version {file.version} is newer than the main file's {root}, which containerd"
            )
            return _problem(file.path, f"{detail} {_text(version)} refuses")
    return None


def _problem(path: HostPath, detail: str) -> Problem:
    return Problem(reason=Reason.RUNTIME_CONFIG_BROKEN, where=path, detail=detail)


def _text(version: Version) -> str:
    return ".".join(map(str, version))
