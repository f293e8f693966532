"""Which runtime the kubelet of this node uses, as far as it shows: by its endpoint.

The flag of a kubelet that runs goes before its configuration file (kubelet, --help: flags win).
k3s, RKE2 and MicroK8s run it inside a process of their own, which tells nothing here.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.node.node_trouble import node_trouble
from agent.node.processes import find_daemons
from agent.node.seen_path import seen_path
from agent.planning.model import HostPath

DEFAULT_CONFIG = "/var/lib/kubelet/config.yaml"
FLAG, CONFIG = "container-runtime-endpoint", "config"
_ENDPOINT = re.compile(r"^containerRuntimeEndpoint:[ \t]*[\"']?([^\s\"'#]+)", re.MULTILINE)
"""One line of a file that is YAML: no library, for the agent has none in this room."""
_MAX_CHARACTERS = 1 << 20
_KINDS = {"crio": "crio", "docker": "docker", "containerd": "containerd"}
"""By a word in the socket's name: crio.sock, cri-dockerd.sock, dockershim.sock, containerd.sock."""


def kubelet_runtime(host_root: Path) -> str:
    """`containerd`, `crio` or `docker`; empty where nothing tells. Raises NodeTrouble (/proc)."""
    with node_trouble(where=HostPath("/proc"), doing="looking for the kubelet"):
        found = find_daemons(host_root / "proc", program="kubelet", options=kubelet_options)
    options = next((kubelet.options for kubelet in found if not kubelet.nested), {})
    endpoint = options.get(FLAG) or _configured(host_root, options.get(CONFIG) or DEFAULT_CONFIG)
    socket = endpoint.rpartition("/")[2]
    return next((kind for word, kind in _KINDS.items() if word in socket), "")


def kubelet_options(arguments: Sequence[str]) -> Mapping[str, str]:
    """What its command line sets of what matters here: one dash or two, `=` or the next one."""
    options: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name in {FLAG, CONFIG}:
            options[name] = value if equals else next(rest, "")
    return options


def _configured(host_root: Path, path: str) -> str:
    try:
        with seen_path(host_root, path).open(encoding="utf-8", errors="replace") as file:
            found = _ENDPOINT.search(file.read(_MAX_CHARACTERS))
    except OSError:
        return ""
    return found[1] if found else ""
