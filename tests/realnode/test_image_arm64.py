"""The image for arm64, built from the same Dockerfile, and run by qemu where that is to be had."""

import platform
import subprocess
from pathlib import Path

import pytest

from tests.ground import emulation
from tests.ground.image_builder import REPOSITORY, ImageBuilder
from tests.missing_programs import found_or_skipped
from tests.realnode.image_archive import ImageArchive

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.skipif(platform.machine() == "aarch64", reason="all other tests are of arm64 here"),
]

_PROGRAM = """
import platform, ssl, grpc, kubernetes.client, pydantic_core, yaml
import agent.__main__, agent.node.cri_call
print(platform.machine())
"""


def test_it_is_built_and_its_wheels_and_the_agent_run(tmp_path: Path):
    what = "the image for arm64"
    with found_or_skipped(what, lambda: ImageBuilder(machine="aarch64")) as builder:
        image = ImageArchive.read(builder.make_image().archive)
        files = tmp_path / "files"
        image.unpack(files)
    done = subprocess.run(  # noqa: S603 - the image's own Python
        emulation.command("/usr/sbin/chroot", str(files), "/usr/bin/python3", "-c", _PROGRAM),
        cwd=REPOSITORY,
        env={"PYTHONPATH": "/opt/agent", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert image.config["architecture"] == "arm64"
    assert (done.returncode, done.stdout) == (0, "aarch64\n"), done.stderr
