"""Images brought to a node without any registry, as `make load` brings them."""

import shlex
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.ground import images, programs
from tests.ground.image_builder import REPOSITORY
from tests.ground.images import Image
from tests.ground.namespaces import NodeTroubleError
from tests.ground.node import Node
from tests.ground.runtime import PAUSE, SOCKET

_FOREVER = str(2**31 - 1)  # seconds


def load(archive: Path, *, node: Node) -> str:
    """`make load` of an archive on a node whose containerd runs: what it printed."""
    ctr = programs.ctr()
    words = [f"{key}={text}" for key, text in ctr.environment.items()]
    words += [str(ctr.executable), "--address", str(node.root / SOCKET)]
    command = ["make", "load", f"ARCHIVE={archive}", f"CTR=env {shlex.join(words)}"]
    done = subprocess.run(  # noqa: S603 - our own Makefile
        command, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NodeTroubleError(f"make load: {done.stdout}{done.stderr}")
    return done.stdout


def load_image(image: Image, *, name: str, node: Node) -> None:
    """Load an image that was made here."""
    with TemporaryDirectory() as place:
        archive = Path(place) / "image.tar"
        images.save(image, archive, name=name)
        load(archive, node=node)


def load_pause(node: Node) -> None:
    """Load what every pod's own container runs; `pod_config` names it."""
    load_image(sleeper(), name=PAUSE, node=node)


def sleeper() -> Image:
    """An image that runs, and does nothing."""
    return images.program_image(programs.busybox().executable, "sleep", _FOREVER)
