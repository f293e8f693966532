"""Where containerd reads per-registry files, by its configuration and version: the roots.

A root is a directory that gets one directory per hostname. Where the runtime would not read any,
the problem is named together with the exact change that a person has to make; nothing here makes
that change. What containerd really does is shown later by the proof (agent.verifier), so where its
version is not known the files are staged and no problem is made up.
"""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import Problem, Reason
from agent.planning.containerd_config_file import (
    GRPC_CRI,
    IMAGES_CRI,
    SHORT_CRI,
    ConfigFile,
    Table,
    clean,
    section,
    string,
)
from agent.planning.containerd_merge import Version, merge, parse_version
from agent.planning.containerd_refusals import check_start
from agent.planning.model import ConfigChange, Folder, HostPath

CERTS_D = "/etc/containerd/certs.d"
DEFAULT_CONFIG_PATH = f"{CERTS_D}:/etc/docker/certs.d"
"""What 2.2 and later take for an unset config_path (plugins/cri/images/plugin.go, InitFn)."""

_FIRST_WITH_DEFAULT: Version = (2, 2, 0)
_FIRST_WITHOUT_TLS: Version = (2, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryDirectories:
    """Where to write, what is in the way, and the unified diff that would end it."""

    roots: tuple[Folder, ...]
    problems: tuple[Problem, ...] = ()
    change_needed: str = ""
    change: ConfigChange | None = None


def find_registry_directories(
    files: Sequence[ConfigFile], *, main: HostPath, version: str
) -> RegistryDirectories:
    """Judge the configuration: `main` and its imports, in containerd's order; none is a default.

    `version` is the runtime's own, empty while unknown. The bases of the roots are not resolved:
    links on the way to them are the node's affair. Raises NodeTrouble (runtime-config-broken).
    """
    release = parse_version(version)
    check_start(files, version=release)
    registry = merge(files, version=release).registry
    if _legacy_tables(registry, version=release):
        problem = _legacy_problem(files, main=main, version=release)
        return RegistryDirectories(roots=(), problems=(problem,))
    config_path = string(registry, "config_path")
    if config_path or release is None or release >= _FIRST_WITH_DEFAULT:
        return RegistryDirectories(roots=split_config_path(config_path or DEFAULT_CONFIG_PATH))
    from agent.planning.containerd_edit import (  # noqa: PLC0415 - few nodes need an edit
        find_config_path_change,
        render_change,
    )

    change = find_config_path_change(files, main=main, config_path=CERTS_D, version=release)

    return RegistryDirectories(
        roots=split_config_path(CERTS_D),
        problems=(
            Problem(
                reason=Reason.CONFIG_PATH_UNSET,
                where=main,
                detail=f"config_path is not set, and containerd {version} has no default for it",
            ),
        ),
        change_needed=render_change(change) if change else "",
        change=change,
    )


def split_config_path(config_path: str) -> tuple[Folder, ...]:
    """The roots for one value of `config_path`: a directory, or a list with colons.

    A list is split only on the local pull path; the transfer service (2.1 and later) takes it for
    the name of one directory (core/transfer/registry/registry.go, WithHostDir). So both are served.
    """
    items = config_path.split(":")
    first = clean(next((item for item in items if item.startswith("/")), items[0]))
    base = posixpath.dirname(first)
    roots = [_folder(first, base=base)]
    if len(items) > 1:
        roots.append(_folder(clean(config_path), base=base))
    return tuple(roots)


def default_roots() -> tuple[Folder, ...]:
    """Where our files are if nothing is known of the runtime."""
    return split_config_path(DEFAULT_CONFIG_PATH)


def _folder(path: str, *, base: str) -> Folder:
    """The folder at a path; from the root of the file system where the base is not on its way."""
    inside = base if path.startswith(base.rstrip("/") + "/") else "/"
    names = tuple(filter(None, path[len(inside) :].split("/")))
    return Folder(base=HostPath(inside), below=names)


def _legacy_tables(registry: Table, *, version: Version | None) -> tuple[str, ...]:
    """The tables that containerd refuses beside config_path, named from `registry` on.

    `mirrors` on every version; `configs.*.tls` only before 2.0, which no longer knows it
    (pkg/cri/config/config.go of 1.7, ValidatePluginConfig; internal/cri/config/config.go of 2.x).
    An empty `mirrors` does not count, to containerd either.
    """
    mirrors = ("mirrors",) if section(registry, "mirrors") else ()
    if version is None or version >= _FIRST_WITHOUT_TLS:
        return mirrors
    configs = section(registry, "configs")
    tls = (f'configs."{host}".tls' for host in configs if "tls" in section(configs, host))
    return (*mirrors, *tls)


def _legacy_problem(
    files: Sequence[ConfigFile], *, main: HostPath, version: Version | None
) -> Problem:
    """Where a person finds them: in the last file that has any."""
    places = [
        (file.path, f'plugins."{plugin}".registry.{table}')
        for file in reversed(files)
        for plugin in (IMAGES_CRI, GRPC_CRI, SHORT_CRI)
        for table in _legacy_tables(section(file.plugins, plugin, "registry"), version=version)
    ]
    where = places[0][0] if places else main
    tables = ", ".join(f"[{table}]" for path, table in places if path == where)
    return Problem(
        reason=Reason.LEGACY_MIRRORS, where=where, detail=f"it sets {tables}, the old mechanism"
    )
