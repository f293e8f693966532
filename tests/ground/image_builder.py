"""The agent's image, made by `make image` as a user makes it, where no registry can be reached.

The builder is Debian's buildah with a store of its own, the base is made of Debian packages: an
interpreter and pip on libc, without a shell, so that the Dockerfile is seen to need none. The
locked wheels come from the cache, and pip checks their hashes during the build as always.
"""

import hashlib
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.ground import debian, emulation, programs
from tests.ground.cache import find_or_make
from tests.ground.closing import Closing
from tests.ground.debian import ProgramMissingError

_HERE = Path(__file__).parent
REPOSITORY = _HERE.parent.parent
LOCK = REPOSITORY / "deploy/requirements.lock"

_MACHINE = platform.machine()
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_BASE = "localhost/python-base"
_PYTHON = "3.11"  # that of bookworm, of the Dockerfile's base, and of `make lock-check`
_BASE_PACKAGES = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "python3-minimal"),
    *("python3-pip", "python3-distutils", "python3-lib2to3", "python3-setuptools"),
    *("python3-pkg-resources", "python3-wheel", "base-files", "media-types", "netbase"),
    *("libc6", "libstdc++6", "libgcc-s1", "gcc-12-base", "libcrypt1", "libssl3", "zlib1g"),
    *("libbz2-1.0", "liblzma5", "libexpat1", "libffi8", "libuuid1", "libsqlite3-0", "libdb5.3"),
    *("libncursesw6", "libtinfo6", "libreadline8", "libnsl2", "libtirpc3", "libgssapi-krb5-2"),
    *("libkrb5-3", "libk5crypto3", "libkrb5support0", "libcom-err2", "libkeyutils1"),
)
_STORAGE = """\
[storage]
driver = "DRIVER"
graphroot = "PLACE/images"
runroot = "PLACE/run"
"""
_FILES = {
    "storage.conf": _STORAGE,
    "registries.conf": "unqualified-search-registries = []\n",
    ".config/containers/policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
    "pip.conf": "[global]\nno-index = true\nfind-links = /wheels\n",
}


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """The archive that `make image` wrote, and the line that says what it weighs."""

    archive: Path
    weight: str


class ImageBuilder(Closing):
    """buildah, with a store in a directory of its own, which ends with it and holds its images."""

    def __init__(self, *, machine: str = _MACHINE) -> None:
        """Make the base, for that machine; another one than this is emulated.

        Raises ProgramMissingError where builder, base, wheels or emulation cannot be had.
        """
        self._architecture = _ARCHITECTURES[machine]
        self._place = Path(tempfile.mkdtemp(prefix="rna-image-"))
        try:
            self._wheels = locked_wheels(machine)
            self._builder = furnish(self._place, emulated=machine != _MACHINE)
            self._make_base("" if machine == _MACHINE else self._architecture)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Delete all of it, the archives too."""
        shutil.rmtree(self._place)

    def make_image(self, *flags: str, archive: str = "image.tar") -> BuiltImage:
        """`make image`; `flags` are more of the builder's."""
        mounts = {self._wheels: "/wheels", self._place / "pip.conf": "/etc/pip.conf"}
        volumes = [f"--volume={here}:{there}:ro" for here, there in mounts.items()]
        variables = {
            "ARCHIVE": str(self._place / archive),
            "BASE": _BASE,
            "BUILDER": self._builder,
            "BUILD_FLAGS": " ".join(["--arch", self._architecture, *volumes, *flags]),
        }
        words = [f"{name}={value}" for name, value in variables.items()]
        story = _run(["make", "--no-print-directory", "image", *words])
        return BuiltImage(archive=self._place / archive, weight=story.splitlines()[-1])

    def _make_base(self, architecture: str) -> None:
        """Of packages whose /lib and the like are links into /usr, as Debian installs them."""
        packages = debian.unpack(
            suite="bookworm", packages=_BASE_PACKAGES, architecture=architecture
        )
        base = self._place / "base"
        shutil.copytree(packages.tree, base, symlinks=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            if (base / name).is_dir():
                shutil.copytree(base / name, base / "usr" / name, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(base / name)
                (base / name).symlink_to(f"usr/{name}")
        container = _run([self._builder, "from", "scratch"]).strip()
        _run([self._builder, "config", "--arch", self._architecture, container])
        _run([self._builder, "add", "--quiet", container, str(base), "/"])
        _run([self._builder, "commit", "--quiet", "--rm", container, _BASE])


def furnish(place: Path, *, emulated: bool) -> str:
    """The builder's configuration, and a program that starts it with that."""
    if emulated:
        emulation.require()
    driver = "overlay" if not emulated and _carries_overlays(place) else "vfs"
    for name, text in _FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text.replace("PLACE", str(place)).replace("DRIVER", driver))
    words = ["sh", str(_HERE / "buildah.sh"), str(programs.buildah().tree), str(place)]
    words = emulation.command(*words) if emulated else words
    program = place / "buildah"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    program.chmod(0o755)
    return str(program)


def _carries_overlays(place: Path) -> bool:
    """Whether images can be layers there, which is faster than whole copies (`vfs`)."""
    for name in ("upper", "work"):
        (place / name).mkdir()
    options = f"lowerdir={_HERE},upperdir={place}/upper,workdir={place}/work"
    mount = ["mount", "-t", "overlay", "-o", options, "overlay", f"{place}/upper"]
    tried = subprocess.run(  # noqa: S603 - fixed programs, in a mount namespace of their own
        ["/usr/bin/unshare", "--mount", *mount], capture_output=True, check=False
    )
    return tried.returncode == 0


def locked_wheels(machine: str) -> Path:
    """The directory of the locked wheels for that machine and the base's Python."""

    def make(place: Path) -> None:
        kinds = ("manylinux_2_28", "manylinux2014", "manylinux_2_17")
        platforms = [f"--platform={kind}_{machine}" for kind in kinds]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--only-binary=:all:", f"--python-version={_PYTHON}"]
        try:
            _run([*command, *platforms, f"--dest={place}", f"--requirement={LOCK}"])
        except RuntimeError as trouble:
            raise ProgramMissingError(f"the locked wheels: {trouble}") from trouble

    recipe = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:8]
    return find_or_make(f"wheels/{machine}-{recipe}", make)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(  # noqa: S603 - programs and arguments of our own
        list(command),
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
