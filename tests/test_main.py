"""The program from outside: how it ends when nobody listens, and that `run` outlives its disk."""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import agent.__main__ as program
from agent.settings import Settings
from tests.ground.namespaces import wait_until

DOCTOR = ("doctor", "--manifests", "/nonexistent", "--host-root")


BUFFERED = {key: text for key, text in os.environ.items() if key != "PYTHONUNBUFFERED"}
"""As most people have it: what cannot be written comes to light late, with the flush."""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "agent", *arguments]


def call(*arguments: str, stdout: int) -> tuple[int, str]:
    """Exit status and stderr of the real program."""
    done = subprocess.run(  # noqa: S603 - our own program
        command(*arguments),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=BUFFERED,
    )
    return done.returncode, done.stderr


class TestNobodyListens:
    def test_a_closed_pipe_is_taken_in_silence(self, tmp_path: Path) -> None:
        with nobody_reads() as pipe:
            assert call(*DOCTOR, str(tmp_path), stdout=pipe) == (1, "")

    def test_a_full_disk_is_told_in_one_line(self, tmp_path: Path) -> None:
        with full_disk() as file:
            told = "registry-node-agent: cannot write to stdout: No space left on device\n"
            assert call(*DOCTOR, str(tmp_path), stdout=file) == (1, told)

    def test_so_is_help(self) -> None:
        with nobody_reads() as pipe:
            assert call("--help", stdout=pipe) == (1, "")
        with full_disk() as file:
            status, told = call("plan", "--help", stdout=file)
        assert (status, told.count("\n")) == (1, 1)

    def test_a_stdout_that_is_closed_takes_nothing(self, tmp_path: Path) -> None:
        closed = ["sh", "-c", 'exec "$@" >&-', "sh", *command(*DOCTOR, str(tmp_path))]
        done = subprocess.run(closed, capture_output=True, check=False)  # noqa: S603 - a constant
        assert (done.returncode, done.stderr) == (1, b"")  # by what it found: no runtime


class TestEnds:
    def test_by_ctrl_c_with_130(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert run_main(monkeypatch, raising(KeyboardInterrupt())) == 130

    @pytest.mark.parametrize("bug", [KeyError("a bug"), BrokenPipeError("a bug"), OSError("a bug")])
    def test_by_a_bug_with_its_traceback(
        self, monkeypatch: pytest.MonkeyPatch, bug: Exception
    ) -> None:
        with pytest.raises(type(bug), match="a bug"):
            run_main(monkeypatch, raising(bug))

    def test_by_a_bug_that_knows_a_token_without_telling_it(self) -> None:
        script = (
            "import agent.__main__ as program\n"
            "def bug(_): raise ValueError(repr(b'Bearer ' + bytes(reversed(b'2retnuh'))))\n"
            "program.COMMANDS['plan'] = bug\n"
            "program.main()\n"
        )
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", script, "plan", "--manifests=/nonexistent"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "Traceback" in done.stderr
        assert "ValueError: b'[redacted]'" in done.stderr

    def test_never_for_want_of_an_encoding(self, monkeypatch: pytest.MonkeyPatch) -> None:
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

        def say(_: Settings) -> int:
            program.say(["a\ud800 \u00fc"])
            return 0

        assert run_main(monkeypatch, say) == 0
        assert written.getvalue() == b"a\\ud800 \\xfc\n"


class TestRun:
    """The state directory cannot be made: a file stands in its way."""

    def test_starts_on_a_disk_that_refuses_and_marks_itself_alive_once_it_can(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "blocked").touch()
        with running(tmp_path) as (process, port):
            wait_until(lambda: get(port, "/readyz") == 200, what="the first pass has ended")
            wait_until(lambda: len(refusals(tmp_path)) == 1, what="it was told")
            assert remove(tmp_path) == "host-taken"
            (tmp_path / "blocked").unlink()
            touch_manifests(tmp_path)
            wait_until(lambda: remove(tmp_path) == "another-agent", what="it is marked as alive")
            process.terminate()
            assert process.wait(60) == 0
        assert len(refusals(tmp_path)) == 1
        assert remove(tmp_path) == ""

    def test_tells_the_same_refusal_once(self, tmp_path: Path) -> None:
        (tmp_path / "blocked").touch()
        with running(tmp_path) as (_, port):
            for passes in range(1, 4):
                wait_until(lambda n=passes: ended(port) >= n, what=f"{passes} passes have ended")
                touch_manifests(tmp_path)
            assert len(refusals(tmp_path)) == 1


@contextmanager
def nobody_reads() -> Iterator[int]:
    """The writing end of a pipe without a reading end."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@contextmanager
def full_disk() -> Iterator[int]:
    with Path("/dev/full").open("w") as file:
        yield file.fileno()


def raising(error: BaseException) -> Callable[[Settings], int]:
    def fail(_: Settings) -> int:
        raise error

    return fail


def run_main(monkeypatch: pytest.MonkeyPatch, function: Callable[[Settings], int]) -> int:
    """`main` with a command that does this."""
    monkeypatch.setitem(program.COMMANDS, "sync", function)
    monkeypatch.setattr(sys, "argv", ["agent", "sync", "--manifests", "/nonexistent"])
    return program.main()


@contextmanager
def running(root: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A live `run` and its port; its log is the file `log`."""
    touch_manifests(root)
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    listen = ("--listen", f"127.0.0.1:{port}")
    arguments = ("run", *flags(root), "--manifests", str(root / "manifests"), *listen)
    with (
        (root / "log").open("w") as log,
        subprocess.Popen(command(*arguments), stderr=log) as process,  # noqa: S603 - our own
    ):
        try:
            yield process, port
        finally:
            process.send_signal(signal.SIGTERM)


def flags(root: Path) -> tuple[str, ...]:
    return ("--host-root", str(root), "--state-dir", "/blocked/agent")


def touch_manifests(root: Path) -> None:
    """Change something in the directory, which wakes the loop."""
    (root / "manifests").mkdir(exist_ok=True)
    (root / "manifests/none.yaml").write_text("# nothing yet\n")


def get(port: int, path: str) -> int:
    """The status of a page; 0 while nobody listens."""
    return _page(port, path)[0]


def ended(port: int) -> int:
    """How many passes have ended."""
    lines = _page(port, "/metrics")[1].splitlines()
    counts = [line for line in lines if line.startswith("registry_agent_passes_total{")]
    return sum(int(float(line.split()[-1])) for line in counts)


def _page(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except ConnectionError:
        return 0, ""
    finally:
        connection.close()


def refusals(root: Path) -> list[dict[str, str]]:
    """What the log tells of the mark that could not be made."""
    lines = [json.loads(line) for line in (root / "log").read_text().splitlines()]
    return [line for line in lines if "marking this agent as alive" in line.get("detail", "")]


def remove(root: Path) -> str:
    """The reason for which `remove` fails; empty when it does not."""
    status, told = call("remove", *flags(root), stdout=subprocess.DEVNULL)
    return told.split(": ", 2)[1] if status else ""
