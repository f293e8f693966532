"""A token that no header can carry ends nothing, and is never told."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cluster.api_errors import ApiUnreachableError
from agent.cluster.connection import Kubeconfig
from agent.cluster.lean_client import Configuration
from tests.cluster.clusters import StubCluster
from tests.cluster.kube_access import api_over, kubeconfig
from tests.cluster.stub_api_server import StubApiServer
from tests.cluster.test_run_process import running
from tests.ground.namespaces import wait_until
from tests.node.containerd_host import CONFIG, Host

SECRET = "hunter2"  # noqa: S105 - it is the test
ODD = {"euro": f"{SECRET}\u20ac", "NUL": f"{SECRET}\0", "two lines": f"{SECRET}\n{SECRET}"}
PATH = "/api/v1/namespaces/registry/services"

odd_tokens = pytest.mark.parametrize("token", ODD.values(), ids=ODD)
commands = pytest.mark.parametrize("command", ["sync", "fleet"])


def put_token(directory: Path, token: str) -> None:
    """Into a file of its own, which the kubeconfig names."""
    path = directory / "kubeconfig"
    document = json.loads(path.read_text())
    document["users"][0]["user"] = {"tokenFile": str(directory / "token")}
    path.write_text(json.dumps(document))
    (directory / "token").write_text(token)


@pytest.fixture
def directory(stub: StubApiServer, tmp_path: Path) -> Path:
    """With a kubeconfig, and the root of a node on which a containerd seems to run."""
    StubCluster(server=stub, directory=tmp_path)
    root = tmp_path / "node"
    root.mkdir()
    host = Host(root)
    host.write("/etc/containerd/config.toml", CONFIG)
    host.start()
    return tmp_path


def said_by(command: str, directory: Path) -> str:
    """All that a command says, on both."""
    kubeconfig_file, root = directory / "kubeconfig", directory / "node"
    flags = [f"--kubeconfig={kubeconfig_file}"]
    if command == "sync":
        flags.append(f"--host-root={root}")
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "agent", command, *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert SECRET not in said
    assert "Traceback" not in said
    return said


@contextmanager
def log_of_run(directory: Path) -> Iterator[Path]:
    with running(directory, root=directory / "node") as run:
        wait_until(lambda: run.get("/readyz")[0] == 200, what="the first pass has ended")
        yield directory / "log"
        assert SECRET not in run.get("/metrics")[1]
        assert run.end() < 3
    assert SECRET not in (directory / "log").read_text()


@commands
def test_the_end_of_a_line_is_no_part_of_a_token(
    stub: StubApiServer, directory: Path, command: str
) -> None:
    put_token(directory, f"{SECRET}\n")
    assert "api-unreachable" not in said_by(command, directory)
    assert stub.requests


@commands
@odd_tokens
def test_a_token_that_cannot_be_sent_is_told_without_it(
    directory: Path, command: str, token: str
) -> None:
    put_token(directory, token)
    said = said_by(command, directory)
    assert "api-unreachable" in said
    assert "the token has a character that no header can carry" in said


@odd_tokens
def test_run_outlives_it(directory: Path, token: str) -> None:
    put_token(directory, token)
    with log_of_run(directory) as log:
        wait_until(lambda: "the token has" in log.read_text(), what="it is told")


def test_run_takes_a_token_with_the_end_of_a_line(stub: StubApiServer, directory: Path) -> None:
    put_token(directory, f"{SECRET}\n")
    with log_of_run(directory):
        assert stub.requests


def test_a_request_that_cannot_be_sent_is_told_in_our_own_words(
    stub: StubApiServer, directory: Path
) -> None:
    class Late(Kubeconfig):
        """Puts a token in that is looked at by nobody but the client."""

        def load(self, configuration: Configuration) -> None:
            super().load(configuration)
            configuration.api_key_prefix["BearerToken"] = f"{SECRET}\n\n"

    access = Late(kubeconfig(directory, port=stub.port).files[0])
    with api_over(access) as api, pytest.raises(ApiUnreachableError) as told:
        api.get(PATH)
    assert str(told.value).startswith("the request cannot be sent")
    assert told.value.__suppress_context__


@pytest.mark.filterwarnings("ignore:SOCKS support")
def test_a_proxy_that_needs_another_library_is_told(directory: Path) -> None:
    path = directory / "kubeconfig"
    document = json.loads(path.read_text())
    document["clusters"][0]["cluster"]["proxy-url"] = f"socks5://me:{SECRET}@127.0.0.1:1080"
    path.write_text(json.dumps(document))
    with api_over(Kubeconfig(path)) as api, pytest.raises(ApiUnreachableError) as told:
        api.get(PATH)
    assert SECRET not in str(told.value)
