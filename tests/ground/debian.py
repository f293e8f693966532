"""Debian packages, downloaded and unpacked beside the machine, never installed on it.

The mirror is the one this machine already uses: apt is asked for it, only the suite is changed.
apt verifies the signatures as always, with lists and archives in our cache. Only the standard
library is used here, because the Makefile needs this before there is a virtual environment.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.ground.cache import cache_directory, find_or_make, locked

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class ProgramMissingError(Exception):
    """A program cannot be had on this machine; the message says why, in one line."""


@dataclass(frozen=True, kw_only=True)
class Unpacked:
    """A directory tree of unpacked packages, and the version of the first of them."""

    tree: Path
    version: str

    @property
    def libraries(self) -> tuple[Path, ...]:
        """Where the tree's own shared libraries lie."""
        multiarch = f"{platform.machine()}-linux-gnu"
        places = (self.tree / "usr/lib" / multiarch, self.tree / "lib" / multiarch)
        return tuple(place for place in places if place.is_dir())


@dataclass(frozen=True, kw_only=True)
class _Archive:
    """A suite, for an architecture by Debian's name; empty is the machine's own."""

    suite: str
    architecture: str

    @property
    def directory(self) -> Path:
        """Where its lists are kept."""
        return cache_directory() / "apt" / self.suite / self.architecture


def unpack(
    *, suite: str, packages: Sequence[str], version: str = "", architecture: str = ""
) -> Unpacked:
    """Fetch packages of a suite, once; `version` is what the first one's must begin with."""
    recipe = hashlib.sha256(" ".join([suite, version, *packages]).encode()).hexdigest()[:8]
    source = _Archive(suite=suite, architecture=architecture)

    def make(place: Path) -> None:
        found = _candidate(source, package=packages[0])
        if not found.startswith(version):
            raise ProgramMissingError(f"Debian {suite} has {packages[0]} {found}, not {version}")
        archives = place / ".archives"
        archives.mkdir()
        _apt("apt-get", source, "download", *packages, directory=archives)
        for archive in sorted(archives.glob("*.deb")):
            _run(["dpkg", "-x", str(archive), str(place)])
            _record(archive, place)
        shutil.rmtree(archives)
        (place / ".version").write_text(found)

    name = "-".join(part for part in (suite, packages[0], architecture, recipe) if part)
    tree = find_or_make(f"debian/{name}", make)
    return Unpacked(tree=tree, version=(tree / ".version").read_text())


def bootstrap(*, suite: str, packages: Sequence[str]) -> Path:
    """A whole installed Debian in a directory, with these packages; made once, takes minutes."""
    tool = unpack(suite=suite, packages=("debootstrap",)).tree
    recipe = hashlib.sha256(" ".join([suite, *packages]).encode()).hexdigest()[:8]

    def make(place: Path) -> None:
        keyring = [f"--keyring={KEYRING}"] if KEYRING.exists() else []
        _run(
            [
                *(str(tool / "usr/sbin/debootstrap"), "--variant=minbase", *keyring),
                *(f"--include={','.join(packages)}", suite, str(place), _mirror()),
            ],
            environment={"DEBOOTSTRAP_DIR": str(tool / "usr/share/debootstrap")},
        )

    return find_or_make(f"debian/{suite}-root-{recipe}", make)


def _record(archive: Path, place: Path) -> None:
    """Say in the tree what the package is and which files are its own, as dpkg would."""
    name = _run(["dpkg-deb", "--field", str(archive), "Package"]).strip()
    database = place / "var/lib/dpkg"
    (database / "info").mkdir(parents=True, exist_ok=True)
    with (database / "status").open("a") as status:
        fields = _run(["dpkg-deb", "--field", str(archive)]).strip()
        status.write(f"{fields}\nStatus: install ok installed\n\n")
    lines = _run(["dpkg-deb", "--contents", str(archive)]).splitlines()
    paths = [line.split(maxsplit=5)[5].partition(" -> ")[0].lstrip(".") for line in lines]
    (database / "info" / f"{name}.list").write_text("".join(f"{path}\n" for path in paths))


def _candidate(source: _Archive, *, package: str) -> str:
    _refresh(source)
    answer = _apt("apt-cache", source, "policy", package)
    found = re.search(r"Candidate: (?:\d+:)?(\S+)", answer)
    if not found or found[1] == "(none)":
        raise ProgramMissingError(f"Debian {source.suite} has no package {package}")
    return found[1]


def _refresh(source: _Archive) -> None:
    """Fetch the suite's lists, once per process: what we pin to may have moved on."""
    if source in _refreshed:
        return
    place = source.directory
    with locked(f"apt-{source.suite}-{source.architecture}"):
        for folder in ("lists/partial", "cache/archives/partial"):
            (place / folder).mkdir(parents=True, exist_ok=True)
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (place / "sources.list").write_text(f"deb {signed}{_mirror()} {source.suite} main\n")
        _apt("apt-get", source, "update")
    _refreshed.add(source)


_refreshed: set[_Archive] = set()


def _mirror() -> str:
    """The address of the Debian mirror in this machine's own apt sources."""
    if not shutil.which("apt-get"):
        raise ProgramMissingError("this machine has no apt-get to download Debian packages with")
    release = platform.freedesktop_os_release()
    suites = {release.get("VERSION_CODENAME", "stable"), "stable", "testing", "unstable", "sid"}
    uris = _run(["apt-get", "update", "--print-uris"])
    for base, suite in re.findall(r"'(\S+?)/?/dists/([^/\s]+)/(?:In)?Release'", uris):
        if suite in suites and release.get("ID") == "debian":
            return str(base)
    raise ProgramMissingError("this machine's apt sources name no Debian mirror")


def _apt(command: str, source: _Archive, *arguments: str, directory: Path | None = None) -> str:
    place = source.directory
    options = {
        "Dir::State::Lists": place / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": place / "cache",
        "Dir::Etc::SourceList": place / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Acquire::Languages": "none",
        "Acquire::Check-Valid-Until": "false",  # a frozen mirror is signed just as well
        "Acquire::Retries": "3",
        "APT::Sandbox::User": "root",  # our cache may lie where the user _apt cannot look
        "APT::Update::Error-Mode": "any",
    }
    if source.architecture:
        options |= dict.fromkeys(("APT::Architecture", "APT::Architectures"), source.architecture)
    flags = [part for key, value in options.items() for part in ("-o", f"{key}={value}")]
    return _run([command, "-q", *flags, *arguments], directory=directory)


def _run(
    command: Sequence[str],
    *,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    usual = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    whole = {**usual, **(environment or {})}
    done = subprocess.run(  # noqa: S603 - fixed programs, arguments of our own
        list(command), cwd=directory, env=whole, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise ProgramMissingError(f"{command[0]} failed: {last}")
    return done.stdout
