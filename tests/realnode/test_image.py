"""The image as `make image` makes it: Python, the locked wheels and the agent, and nothing else."""

import re
import stat
import subprocess
from pathlib import Path

import pytest

from agent import __version__
from tests.ground.image_builder import LOCK, REPOSITORY, BuiltImage, ImageBuilder
from tests.realnode.image_archive import ImageArchive

pytestmark = pytest.mark.realnode

LIMIT_MIB = 100  # 15 of it are cryptography, for `issue` alone: one image serves both

_IMPORT_ALL = """
import importlib, importlib.metadata, pkgutil, agent
names = {name for name in importlib.metadata.packages_distributions() if name.isidentifier()}
names.remove("cffi")  # only its _cffi_backend is there
names |= {module.name for module in pkgutil.walk_packages(agent.__path__, "agent.")}
for name in sorted(names):
    importlib.import_module(name)
print(*sorted(names))
"""
_DISTRIBUTIONS = """
from importlib.metadata import distributions
for item in distributions(path=["/opt/agent"]):
    print(item.name.lower().replace("_", "-"), item.version)
"""


@pytest.fixture(scope="module")
def image(built_image: BuiltImage) -> ImageArchive:
    return ImageArchive.read(built_image.archive)


@pytest.fixture(scope="module")
def files(image: ImageArchive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's root, unpacked."""
    place = tmp_path_factory.mktemp("image")
    image.unpack(place)
    return place


def python(files: Path, program: str) -> str:
    """What a program prints that only has the image's files."""
    command = ["/usr/sbin/chroot", str(files), "/usr/bin/python3", "-c", program]
    done = subprocess.run(  # noqa: S603 - the image's own Python
        command, env={"PYTHONPATH": "/opt/agent"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python_is_the_only_program_in_it(files: Path):
    programs = {
        str(path.relative_to(files))
        for path in files.rglob("*")
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o111
        if ".so" not in path.name
    }

    assert programs == {"usr/bin/python3.11"}


def test_nobody_in_it_is_more_than_he_is_and_only_tmp_is_open_to_all(files: Path):
    found = {path: path.lstat().st_mode for path in files.rglob("*") if not path.is_symlink()}

    assert not [path for path, mode in found.items() if mode & (stat.S_ISUID | stat.S_ISGID)]
    assert [path for path, mode in found.items() if mode & stat.S_IWOTH] == [files / "tmp"]


def test_it_holds_no_tests_no_pip_and_no_typed_classes_of_kubernetes(files: Path):
    names = {str(path.relative_to(files)) for path in files.rglob("*")}
    unwanted = {"pip", "test", "tests", "idlelib"}

    assert not [name for name in names if unwanted & set(name.split("/"))]
    left_out = ("aiohttp", "cffi", "kubernetes/aio", "pycparser")
    assert not {f"opt/agent/{name}" for name in left_out} & names
    assert "opt/agent/kubernetes/client/api_client.py" in names
    assert "opt/agent/kubernetes/client/models/v1_pod.py" not in names


def test_every_wheel_and_every_module_of_the_agent_can_be_imported_in_it(files: Path):
    imported = python(files, _IMPORT_ALL).split()

    assert {"grpc", "kubernetes", "structlog", "tomlkit", "yaml", "agent.node.cri_call"} <= {
        *imported
    }
    assert "agent.issuer.certificates" in imported


def test_its_wheels_are_the_locked_ones(files: Path):
    locked = set(re.findall(r"^(\S+)==(\S+) ", LOCK.read_text(), re.MULTILINE))
    found = {tuple(line.split()) for line in python(files, _DISTRIBUTIONS).splitlines()}

    assert found <= locked
    assert {"grpcio", "kubernetes", "pydantic", "prometheus-client"} <= {name for name, _ in found}


def test_all_of_it_is_bytecode_already(files: Path):
    sources = {path for path in files.rglob("*.py") if "__pycache__" not in path.parts}
    compiled = {
        path.parent.parent / f"{path.name.split('.')[0]}.py" for path in files.rglob("*.pyc")
    }

    assert sources
    assert sources == compiled


def test_scanners_find_the_debian_packages_in_it_and_lawyers_their_terms(files: Path):
    packages = {path.name for path in (files / "var/lib/dpkg/status.d").iterdir()}
    libssl = (files / "var/lib/dpkg/status.d/libssl3").read_text()

    assert {"libc6", "libssl3", "libstdc++6", "python3.11-minimal"} <= packages
    assert not {"python3-pip", "libdb5.3", "netbase"} & packages
    assert re.search(r"^Version: 3\.0\.", libssl, re.MULTILINE)
    assert all((files / "usr/share/doc" / name / "copyright").exists() for name in packages)


def test_built_anew_its_layers_are_the_same_bytes(image: ImageArchive, image_builder: ImageBuilder):
    again = image_builder.make_image("--no-cache", archive="again.tar")

    assert ImageArchive.read(again.archive).layers == image.layers


def test_it_says_what_it_is_and_runs_as_uid_0(image: ImageArchive):
    config = image.config["config"]
    labels = {key.rpartition(".")[2]: text for key, text in config["Labels"].items()}

    assert image.names == (f"localhost/registry-node-agent:{__version__}",)
    assert labels["title"] == "registry-node-agent"
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"
    assert config["User"] == "0:0"
    assert config["Entrypoint"] == ["python3", "-m", "agent"]


def test_make_image_says_what_it_weighs(built_image: BuiltImage):
    weight = re.search(r" ([0-9.]+) MiB on disk .* ([0-9.]+) MiB to pull", built_image.weight)

    assert weight, built_image.weight
    assert float(weight[1]) < LIMIT_MIB


def test_the_builder_is_sent_what_the_dockerfile_copies_and_nothing_else():
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE
    )
    allowed = [
        line.removeprefix("!")
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]

    for path in " ".join(copied).split():
        assert any(path == name or path.startswith(f"{name}/") for name in allowed), path
