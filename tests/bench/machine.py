"""The machine, described as far as the figures depend on it."""

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from tests.ground.node import Node


def describe(node: Node) -> Iterator[str]:
    """One line each."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    yield f"CPU         {_cpu()}, {os.cpu_count()} cores, load before {load}"
    yield f"kernel      {platform.release()}, {_memory()} GiB, {_file_system(node.root)}"
    yield f"Python      {platform.python_version()}"
    yield f"containerd  {node.containerd_version}"


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> int:
    kib = Path("/proc/meminfo").read_text().split()[1]
    return round(int(kib) / 1024 / 1024)


def _file_system(place: Path) -> str:
    """The type of what is mounted at the longest path above a place; fsync costs what it costs."""
    found, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount, name, *_ = line.split()
        if place.is_relative_to(mount) and len(mount) >= len(found):
            found, kind = mount, name
    return kind
