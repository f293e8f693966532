"""One file of containerd's configuration: read, and checked as far as we rely on it.

Only shapes that containerd itself insists on are checked (its decoder refuses the same ones), so
that what follows can merge without asking again. Values are never quoted: they may be secrets.
"""

import posixpath
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from agent.errors import NodeTrouble, Problem, Reason
from agent.planning.model import HostPath

Table: TypeAlias = Mapping[str, object]

BYTE_ORDER_MARK = "\ufeff"

SHORT_CRI = "cri"
GRPC_CRI = "io.containerd.grpc.v1.cri"
IMAGES_CRI = "io.containerd.cri.v1.images"
RUNTIME_CRI = "io.containerd.cri.v1.runtime"
GRPC_SERVER = "io.containerd.server.v1.grpc"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """A configuration file on the node: its text as written, and what it says."""

    path: HostPath
    text: str
    values: Table

    @property
    def version(self) -> int:
        """The file's own `version`; 0 when it names none."""
        return cast("int", self.values.get("version", 0))

    @property
    def plugins(self) -> Table:
        """Plugin tables by the names this file uses."""
        return section(self.values, "plugins")

    @property
    def disabled_plugins(self) -> tuple[str, ...]:
        """The plugins that this file turns off."""
        return strings(self.values, "disabled_plugins")


def parse_config_file(path: HostPath, content: bytes) -> ConfigFile:
    """Read one file. Raises NodeTrouble (runtime-config-broken) as containerd would not start."""
    try:
        text = content.decode()
        file = ConfigFile(
            path=path, text=text, values=tomllib.loads(text.removeprefix(BYTE_ORDER_MARK))
        )
        _check_shape(file)
    except ValueError as error:
        raise broken(path, str(error)) from error
    return file


def broken(path: HostPath, detail: str) -> NodeTrouble:
    """The trouble of a configuration that containerd would not start with."""
    return NodeTrouble(
        Problem(reason=Reason.RUNTIME_CONFIG_BROKEN, where=path, detail=detail.rstrip("."))
    )


def section(values: Table, *names: str) -> Table:
    """The table under these names, empty when it is not there. Raises ValueError if it is none."""
    for depth, name in enumerate(names, start=1):
        inner = values.get(name, {})
        if not isinstance(inner, Mapping):
            raise ValueError(f"{'.'.join(names[:depth])} is not a table")  # noqa: TRY004 - bad input
        values = inner
    return values


def strings(values: Table, name: str) -> tuple[str, ...]:
    """A list of strings, empty when it is not there. Raises ValueError if it is none."""
    items = values.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError(f"{name} is not a list of strings")
    return tuple(items)


def string(values: Table, name: str) -> str:
    """A string, empty when it is not there. Raises ValueError if it is none."""
    item = values.get(name, "")
    if not isinstance(item, str):
        raise ValueError(f"{name} is not a string")  # noqa: TRY004 - bad input
    return item


def clean(path: str) -> HostPath:
    """Shortest path of the same meaning to one who follows no links, as Go's filepath.Clean.

    A path that is not absolute starts from the daemon's working directory, which is `/` for a
    systemd unit and cannot be read otherwise.
    """
    return HostPath(posixpath.normpath("/" + path.lstrip("/")))


def _check_shape(file: ConfigFile) -> None:
    version = file.values.get("version", 0)
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError("version is not a number")  # noqa: TRY004 - bad input, not a bug
    strings(file.values, "imports")
    strings(file.values, "disabled_plugins")
    string(section(file.values, "grpc"), "address")
    string(section(file.plugins, GRPC_SERVER), "address")
    for name in (SHORT_CRI, GRPC_CRI, IMAGES_CRI):
        registry = section(file.plugins, name, "registry")
        string(registry, "config_path")
        section(registry, "mirrors")
        configs = section(registry, "configs")
        for host in configs:
            section(configs, host)
