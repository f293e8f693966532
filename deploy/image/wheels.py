"""Run while the image is built: take out of the installed wheels what the agent never imports.

The Kubernetes client alone is 70 MiB of source: one class for each kind and each group of the API,
all of it twice, and the second time for asyncio. The agent sends and reads plain JSON through
`ApiClient`, and the client imports those classes by name, when they are first asked for. No
library, because this is a list of what one program does without.
"""

import compileall
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from py_compile import PycInvalidationMode

ONLY_FOR_ASYNCIO = {
    "aiohappyeyeballs",
    "aiohttp",
    "aiohttp-retry",
    "aiosignal",
    "attrs",
    "frozenlist",
    "multidict",
    "propcache",
    "yarl",
}
NOT_NEEDED = ONLY_FOR_ASYNCIO | {
    "pycparser",  # for cffi, see below
    "tzdata",  # dateutil's zones by name; Kubernetes writes UTC only
}

NEVER_IMPORTED = (
    "bin",
    "cffi",  # makes bindings; to have them, cryptography needs no more than _cffi_backend
    "kubernetes/aio",
    "kubernetes/client/api/*_api.py",
    "kubernetes/client/models/[!_]*.py",
    "**/*_test.py",
    "**/test_*.py",
    "**/tests",
    "**/*.pyi",  # types, and the sources of what is compiled
    "**/*.pyx",
    "**/*.pxd",
)


def main() -> None:
    """Leave in the directory of the one argument what is needed there, as bytecode too."""
    place = Path(sys.argv[1])
    unwanted = [*_files_of(NOT_NEEDED, place)]
    unwanted += [path for pattern in NEVER_IMPORTED for path in place.glob(pattern)]
    for path in unwanted:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for folder in sorted(place.rglob("*/"), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    compileall.compile_dir(
        place,
        quiet=1,
        stripdir=place,
        prependdir="/opt/agent",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def _files_of(names: set[str], place: Path) -> Iterator[Path]:
    """Every file that wheels brought, as their RECORD says."""
    found = {
        item.metadata["Name"].lower().replace("_", "-"): item
        for item in distributions(path=[str(place)])
    }
    for name in sorted(names):
        for file in found[name].files or ():
            yield Path(str(file.locate()))


if __name__ == "__main__":
    main()
