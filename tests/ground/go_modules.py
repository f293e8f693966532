"""Programs built from Go modules, once, into the cache, where Go is present.

One tools-only module per program and version under tests/tools: versions of one program cannot
share a module. go.sum is the lock, and -mod=readonly keeps Go from changing it.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.ground.cache import cache_directory, find_or_make
from tests.ground.debian import ProgramMissingError, Unpacked

TOOLS = Path(__file__).parent.parent / "tools"


def build(
    name: str, *, stamp: str = "", static: bool = False, tags: Sequence[str] = ()
) -> Unpacked:
    """Build every tool of `tests/tools/<name>` by one command: what they share is compiled once.

    The version is that of the module they come from. `stamp` names the Go variable that is told
    it, for programs that report the version their release was built with. `static` ones need no
    library, as in an image that holds nothing else, and no C compiler. `tags` leave out parts.
    """
    module = TOOLS / name
    text = (module / "go.mod").read_text()
    packages = _tools(text)
    version = _version(text, packages)
    flags = f"-s -w -X {stamp}=v{version}" if stamp else "-s -w"
    locked = (module / "go.sum").read_bytes() + text.encode() + stamp.encode()
    recipe = hashlib.sha256(locked + b"static" * static + ",".join(tags).encode()).hexdigest()[:8]
    environment = _environment() | ({"CGO_ENABLED": "0"} if static else {})

    options = [f"-ldflags={flags}", f"-tags={','.join(tags)}", *packages]
    make = partial(_compile, module=module, options=options, environment=environment)
    return Unpacked(tree=find_or_make(f"go-programs/{name}-{recipe}", make), version=version)


def build_own(name: str) -> Unpacked:
    """Build the program of ours in `tests/tools/<name>`, of Go's standard library alone."""
    module = TOOLS / name
    sources = b"".join(file.read_bytes() for file in sorted(module.iterdir()))
    recipe = hashlib.sha256(sources).hexdigest()[:8]
    make = partial(_compile, module=module, options=["."], environment=_environment())
    return Unpacked(tree=find_or_make(f"go-programs/{name}-{recipe}", make), version="")


def _compile(
    place: Path, *, module: Path, options: Sequence[str], environment: Mapping[str, str]
) -> None:
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not go:
        raise ProgramMissingError("no Go on this machine to build it with")
    programs = place / "usr/bin"
    programs.mkdir(parents=True)
    command = [go, "build", "-trimpath", "-o", f"{programs}/", *options]
    done = subprocess.run(  # noqa: S603 - a fixed program, arguments of our own
        command, cwd=module, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        raise ProgramMissingError(f"go build failed: {last}")


def _tools(go_mod: str) -> list[str]:
    """The packages of the `tool` lines, alone or in a block."""
    alone = re.findall(r"^tool ([^\s(]\S*)$", go_mod, re.MULTILINE)
    blocks = re.findall(r"^tool \(\n(.*?)^\)$", go_mod, re.MULTILINE | re.DOTALL)
    return alone + [package for block in blocks for package in block.split()]


def _version(go_mod: str, packages: list[str]) -> str:
    """The version of the one module that holds all the packages."""
    required = re.findall(r"^\s*(?:require )?(\S+) v(\S+)", go_mod, re.MULTILINE)
    found: set[str] = {
        number
        for path, number in required
        if all(f"{package}/".startswith(f"{path}/") for package in packages)
    }
    if not packages or len(found) != 1:
        raise ProgramMissingError(f"go.mod names {found or 'nothing'} where one module is expected")
    return found.pop()


def _environment() -> dict[str, str]:
    go = cache_directory() / "go"
    return {
        **os.environ,
        "GOMODCACHE": str(go / "mod"),
        "GOCACHE": str(go / "build"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOWORK": "off",
    }
