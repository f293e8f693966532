"""Another machine's programs, run by qemu, for one command and its children alone.

`python -m tests.ground.emulation COMMAND...` is the command where the kernel knows what to do with
programs for aarch64. A user namespace has such knowledge of its own (binfmt_misc, since Linux 6.7),
so that nothing is registered on the machine. It maps every user to himself, which `unshare` alone
can do only with programs that are not everywhere.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.ground import programs
from tests.ground.debian import ProgramMissingError
from tests.ground.namespaces import wait_until

_ROOT = Path(__file__).parent.parent.parent

# The kernel's Documentation/admin-guide/binfmt-misc.rst; magic and mask are qemu's own
# (scripts/qemu-binfmt-conf.sh). F: qemu is opened now, so that it is found in any root.
_MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
_MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
_INSIDE = """
read -r _
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc || exit
printf "%s" "$1" >/proc/sys/fs/binfmt_misc/register || exit
shift
exec "$@"
"""
_ALL_IDS = f"0 0 {2**32 - 1}\n"


def command(*words: str) -> list[str]:
    """How to run a command where programs for aarch64 run."""
    return [sys.executable, "-m", "tests.ground.emulation", *words]


def require() -> None:
    """Raise ProgramMissingError where that cannot be had."""
    done = subprocess.run(  # noqa: S603 - this module
        command("true"), cwd=_ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = done.stderr.strip().splitlines()[-1]
        raise ProgramMissingError(f"programs for aarch64 cannot be run here: {words}")


def main(words: Sequence[str]) -> int:
    """Run them, and return how they ended."""
    qemu = programs.qemu_aarch64().executable
    rule = f":aarch64:M::{_MAGIC}:{_MASK}:{qemu}:F"
    inside = ["sh", "-c", _INSIDE, "sh", rule, *words]
    with subprocess.Popen(  # noqa: S603 - fixed programs around a command of our own
        ["/usr/bin/unshare", "--user", "--mount", *inside], stdin=subprocess.PIPE, text=True
    ) as process:
        spaces = [Path(f"/proc/{pid}/ns/user") for pid in ("self", process.pid)]
        wait_until(
            lambda: len(set(map(os.readlink, spaces))) > 1, what="the new namespace is there"
        )
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{process.pid}/{name}").write_text(_ALL_IDS)
        process.communicate("\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
