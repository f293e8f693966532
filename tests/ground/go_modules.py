"""Programs built from Go modules, once, into the cache, where Go is present.

One tools-only module per program and version under tests/tools: versions of one program cannot
share a module. go.sum is the lock, and -mod=readonly keeps Go from changing it.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.ground.cache import cache_directory, find_or_make
from tests.ground.debian import ProgramMissingError, Unpacked

TOOLS = Path(__file__).parent.parent / "tools"


def build(name: str) -> Unpacked:
    """Build the one tool of `tests/tools/<name>`; its version is the module's."""
    module = TOOLS / name
    text = (module / "go.mod").read_text()
    package = _only(re.findall(r"^tool (\S+)$", text, re.MULTILINE))
    versions = re.findall(r"^\s*(?:require )?(\S+) v(\S+)", text, re.MULTILINE)
    version = _only([number for path, number in versions if package.startswith(f"{path}/")])
    locked = (module / "go.sum").read_bytes() + text.encode()
    recipe = hashlib.sha256(locked).hexdigest()[:8]

    def make(place: Path) -> None:
        go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
        if not go:
            raise ProgramMissingError("no Go on this machine to build it with")
        program = place / "usr/bin" / package.rsplit("/", maxsplit=1)[-1]
        command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(program), package]
        done = subprocess.run(  # noqa: S603 - a fixed program, arguments of our own
            command, cwd=module, env=_environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            last = (done.stderr.strip() or "no output").splitlines()[-1]
            raise ProgramMissingError(f"go build failed: {last}")

    return Unpacked(tree=find_or_make(f"go-programs/{name}-{recipe}", make), version=version)


def _environment() -> dict[str, str]:
    go = cache_directory() / "go"
    return {
        **os.environ,
        "GOMODCACHE": str(go / "mod"),
        "GOCACHE": str(go / "build"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOWORK": "off",
    }


def _only(found: list[str]) -> str:
    if len(found) != 1:
        raise ProgramMissingError(f"go.mod names {found or 'nothing'} where one thing is expected")
    return found[0]
