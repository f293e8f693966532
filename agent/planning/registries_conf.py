"""What others have told CRI-O about registries, in files that are not ours to change.

The main file and the drop-ins beside ours are merged by prefix, the later one winning (facts of
source: containers/image, pkg/sysregistriesv2/system_registries_v2.go). An entry of somebody's for
one of our hostnames is not fought over. A file that cannot be read keeps CRI-O from taking any
change at a reload, and from its next start.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.errors import Problem, Reason
from agent.planning.model import Folder, HostPath, RegistriesConf
from agent.planning.registries_rules import prefixes_in

CONTAINERS = HostPath("/etc/containers")
MAIN = HostPath(f"{CONTAINERS}/registries.conf")
USUAL = RegistriesConf(
    drop_ins=Folder(base=CONTAINERS, below=("registries.conf.d",)),
    certificates=Folder(base=CONTAINERS, below=("certs.d",)),
)
"""Where CRI-O looks, unless a person's own environment says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Others:
    """The names that others have configured, by the file that does, and files that are broken."""

    prefixes: Mapping[str, HostPath] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def read_others(files: Iterable[tuple[HostPath, bytes]]) -> Others:
    """What these files say, in CRI-O's own order."""
    prefixes: dict[str, HostPath] = {}
    problems: list[Problem] = []
    for path, content in files:
        try:
            document = tomllib.loads(content.decode())
            found = prefixes_in(document, is_drop_in=path != MAIN)
            prefixes |= dict.fromkeys(found, path)
        except ValueError as error:
            detail = str(error).rstrip(".")
            problems.append(
                Problem(reason=Reason.REGISTRIES_CONF_BROKEN, where=path, detail=detail)
            )
    return Others(prefixes=prefixes, problems=tuple(problems))
