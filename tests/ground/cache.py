"""The cache outside the clone: what was downloaded, unpacked or built once, ready for every run.

Several test runs may share it. Each entry is made under a lock, beside its place, and renamed in
whole: a killed download never leaves half a program that looks like one.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_directory() -> Path:
    """`$REGISTRY_NODE_AGENT_CACHE`, or the user's usual place."""
    named = os.environ.get("REGISTRY_NODE_AGENT_CACHE")
    place = Path(named) if named else Path.home() / ".cache" / "registry-node-agent"
    return place.absolute()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold one of the cache's locks; the kernel frees it even when the holder is killed."""
    place = cache_directory() / "locks"
    place.mkdir(parents=True, exist_ok=True)
    with (place / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_or_make(name: str, make: Callable[[Path], None]) -> Path:
    """The cache's directory of that name, made by `make` in a directory beside it if missing."""
    place = cache_directory() / name
    if place.is_dir():
        return place
    with locked(name.replace("/", "-")):
        if place.is_dir():
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        half_made = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
        try:
            make(half_made)
            half_made.chmod(0o755)
            half_made.rename(place)
        finally:
            shutil.rmtree(half_made, ignore_errors=True)
    return place
