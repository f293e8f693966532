"""Run while the image is built: the interpreter alone, out of a base that has a whole system.

What is taken: Python's program, its standard library without what only people and its own tests
use, every shared library that these and the wheels load, and the few files of /etc that libc
reads. No library and no `ldd` (a shell script): the loader itself says what it would load.
"""

import compileall
import fnmatch
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

NOT_TAKEN = (
    *("__pycache__", "config-*", "dist-packages", "site-packages", "EXTERNALLY-MANAGED"),
    *("test", "tests", "idlelib", "macholib", "tkinter", "turtledemo", "turtle.py", "pydoc_data"),
    *("distutils", "ensurepip", "lib2to3", "venv", "sitecustomize.py"),
    *("curses", "dbm", "sqlite3"),
    *("_ctypes_test*", "_curses*", "_dbm*", "_gdbm*", "_sqlite3*", "_test*", "_tkinter*"),
    *("_xxtestfuzz*", "nis.*", "ossaudiodev*", "readline.*", "xxlimited*"),
)
OPENED_BY_NAME = ("libgcc_s.so.1", "libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")
"""What libc opens itself: to end a thread, and before 2.34 to look up names."""

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/\n",
    "etc/group": "root:x:0:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
IF_THERE = ("/etc/os-release", "/etc/ld.so.cache")

DPKG = Path("/var/lib/dpkg")


def main() -> None:
    """Make the tree of the first argument; the second is the tree of the wheels."""
    image, wheels = Path(sys.argv[1]), Path(sys.argv[2])
    library = Path(sysconfig.get_path("stdlib"))
    taken = [path for path in _files(library) if not _is_left(path.relative_to(library))]
    programs = [Path(sys.executable), *(path for path in taken if path.suffix == ".so")]
    shared = _shared_libraries([*programs, *wheels.rglob("*.so*")])
    brought = [path for path in (*programs, *taken, *shared, *map(Path, IF_THERE)) if path.exists()]
    for path in brought:
        bring(path, image)
    _name_packages({path.resolve() for path in brought}, image)
    for name, text in FILES.items():
        (image / name).parent.mkdir(parents=True, exist_ok=True)
        (image / name).write_text(text)
    (image / "tmp").mkdir()
    (image / "tmp").chmod(0o1777)
    compileall.compile_dir(
        image / library.relative_to("/"),
        quiet=1,
        stripdir=image,
        prependdir="/",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def bring(path: Path, image: Path) -> None:
    """Copy a file to the same path below `image`, with every link on the way to it."""
    walked, there = Path("/"), image
    for position, name in enumerate(path.parts[1:], start=2):
        walked, there = walked / name, there / name
        if walked.is_symlink():
            target = walked.readlink()
            there.parent.mkdir(parents=True, exist_ok=True)
            if not there.is_symlink():
                there.symlink_to(target)
            onward = walked.parent / target / Path(*path.parts[position:])
            bring(Path(os.path.normpath(onward)), image)
            return
    there.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, there)
    if path.suffix == ".py":  # Debian marks some as programs; without `env` they are none
        there.chmod(0o644)


def _name_packages(brought: set[Path], image: Path) -> None:
    """Say which Debian packages the files are of, where scanners look for it, and their terms."""
    names = {path.name for path in brought}
    owners = {
        listed.stem.partition(":")[0]
        for listed in (DPKG / "info").glob("*.list")
        for path in map(Path, listed.read_text().splitlines())
        if path.name in names and path.resolve() in brought
    }
    stanzas = (DPKG / "status").read_text().strip().split("\n\n") if owners else []
    place = image / DPKG.relative_to("/") / "status.d"
    place.mkdir(parents=True)
    for stanza in stanzas:
        name = stanza.partition("\n")[0].removeprefix("Package: ")
        if name in owners:
            (place / name).write_text(f"{stanza}\n")
            terms = Path(f"/usr/share/doc/{name}/copyright")
            if terms.exists():
                bring(terms, image)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_dir())


def _is_left(path: Path) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for name in path.parts for pattern in NOT_TAKEN)


def _shared_libraries(files: list[Path]) -> set[Path]:
    """Every library that any of the files loads, and the loader."""
    loader = next(path for path in _loads(sys.executable) if path.name.startswith("ld-linux"))
    found = {path for file in files for path in _loads(str(loader), "--list", str(file))}
    system = {path.parent for path in found}
    return found | {folder / name for folder in system for name in OPENED_BY_NAME}


def _loads(*command: str) -> list[Path]:
    """The paths in what the loader says: `name => path (address)`, its own without a name."""
    told = subprocess.run(  # noqa: S603 - the base's own loader
        command,
        env=os.environ | {"LD_TRACE_LOADED_OBJECTS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if "not found" in told:
        sys.exit(f"{command[-1]}: the base lacks a library:\n{told}")
    words = [word for line in told.splitlines() for word in line.split()]
    return [Path(word) for word in words if word.startswith("/")]


if __name__ == "__main__":
    main()
