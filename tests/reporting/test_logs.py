"""Lines are whole, short, free of secrets, and never waited for."""

import json
import logging
import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from agent.reporting.logs import LINE_BYTES, LogOutput, configure_logs


class Pipe:
    """A pipe with what was logged into it."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def configure(self, *, debug: bool = False) -> LogOutput:
        return configure_logs(node="node-1", version="1.2.3", fd=self.writer, debug=debug)

    def text(self) -> str:
        text = b""
        while select.select([self.reader], [], [], 0)[0]:
            text += os.read(self.reader, 1 << 20)
        return text.decode()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]

    def fill(self) -> None:
        os.set_blocking(self.writer, False)
        try:
            while os.write(self.writer, b"#" * LINE_BYTES):
                pass
        except BlockingIOError:
            os.set_blocking(self.writer, True)


def log_crash(message: str) -> None:
    try:
        os.environ[message]
    except KeyError:
        structlog.get_logger().exception("crashed")


def read_until(wanted: str, *, terminal: int) -> str:
    """What the terminal shows: its lines come a moment after they were written."""
    text = ""
    while wanted not in text:
        assert select.select([terminal], [], [], 10)[0], f"only this came: {text}"
        text += os.read(terminal, 1 << 16).decode()
    return text


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    found = Pipe()
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield found
    structlog.reset_defaults()
    root.handlers, root.level = before[0], before[1]
    for fd in (found.reader, found.writer):
        try:
            os.close(fd)
        except OSError:
            continue


def test_an_event_is_one_line_of_json_with_its_origin(pipe: Pipe) -> None:
    pipe.configure()
    structlog.get_logger().info("reconciled", changed=["a"], seconds=0.5)
    (event,) = pipe.events()

    assert list(event)[:5] == ["timestamp", "level", "event", "node", "version"]
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "level": "info",
        "event": "reconciled",
        "node": "node-1",
        "version": "1.2.3",
        "changed": ["a"],
        "seconds": 0.5,
    }


def test_debug_is_shown_only_when_asked_for(pipe: Pipe) -> None:
    pipe.configure()
    structlog.get_logger().debug("detail")
    assert pipe.events() == []

    pipe.configure(debug=True)
    structlog.get_logger().debug("detail")
    assert [event["event"] for event in pipe.events()] == ["detail"]


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "s3cret"},
        {"Authorization": "s3cret"},
        {"registry_token": ["s3cret"]},
        {"request": {"headers": {"a": "s3cret"}}},
        {"changes": [{"X-Auth": "s3cret"}, {"deep": ({"PASSWORD": "s3cret"},)}]},
    ],
)
def test_values_under_keys_that_speak_of_secrets_are_not_shown(
    pipe: Pipe, fields: dict[str, object]
) -> None:
    pipe.configure()
    structlog.get_logger().info("x", **fields)
    text = pipe.text()

    assert "s3cret" not in text
    assert "[redacted]" in text


@pytest.mark.parametrize(
    "fields",
    [
        {"diff": "+x\n" * 5000},
        {"items": ["x" * 100] * 100},
        {f"key{number}": "x" * 50 for number in range(200)},
        {f"key{number}": "x" * 1000 for number in range(10)},
        {"x" * 5000: 1},
        {"diff": "\N{SNOWMAN}" * 5000},
    ],
)
def test_a_long_event_is_cut_and_stays_one_line_of_json(
    pipe: Pipe, fields: dict[str, object]
) -> None:
    output = pipe.configure()
    structlog.get_logger().info("reconciled", **fields)
    text = pipe.text()

    assert len(text.encode()) <= LINE_BYTES
    assert json.loads(text)["event"] == "reconciled"
    assert output.dropped == 0


def test_the_end_of_a_long_traceback_is_kept(pipe: Pipe) -> None:
    pipe.configure()
    log_crash("x" * 5000 + " the point")
    (event,) = pipe.events()

    assert event["exception"].endswith(" the point'")
    assert event["exception"].startswith("Traceback")


def test_a_token_in_a_traceback_is_not_told_though_the_line_is_shortened(pipe: Pipe) -> None:
    pipe.configure()
    for before in range(0, 5000, 40):
        log_crash("x" * before + f" Bearer {'hunter2' * 60} " + "x" * 5000)
    said = pipe.text()
    assert "crashed" in said
    assert "hunter2" not in said


def test_a_full_pipe_that_nobody_reads_does_not_block_and_lines_are_counted(pipe: Pipe) -> None:
    output = pipe.configure()
    pipe.fill()
    done = threading.Event()

    def log() -> None:
        for number in range(1000):
            structlog.get_logger().info("reconciled", number=number)
        done.set()

    threading.Thread(target=log, daemon=True).start()
    assert done.wait(30), "it blocked"
    assert output.dropped == 1000

    pipe.text()
    structlog.get_logger().info("again")
    assert [event["event"] for event in pipe.events()] == ["again"]
    assert output.dropped == 1000


def test_many_threads_fill_a_pipe_with_whole_lines_and_none_blocks(pipe: Pipe) -> None:
    output = pipe.configure()

    def log() -> None:
        for _ in range(100):
            structlog.get_logger().info("x", padding="y" * 500)

    threads = [threading.Thread(target=log, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(pipe.events()) + output.dropped == 800
    assert output.dropped > 0


@pytest.mark.parametrize("end", ["reader", "both"])
def test_a_pipe_that_is_gone_stops_nothing(pipe: Pipe, end: str) -> None:
    output = pipe.configure()
    os.close(pipe.reader)
    if end == "both":
        os.close(pipe.writer)
    structlog.get_logger().info("x")

    assert output.dropped == 1


def test_what_libraries_log_comes_the_same_way(pipe: Pipe) -> None:
    pipe.configure()
    logging.getLogger("urllib3").warning("retrying %s", "x")
    logging.getLogger("urllib3").info("not of interest")
    logging.getLogger("kubernetes").error("failed", exc_info=ValueError("why"))
    first, second = pipe.events()

    assert (first["level"], first["event"], first["logger"]) == ("warning", "retrying x", "urllib3")
    assert second["level"] == "error"
    assert second["exception"] == "ValueError: why"


@pytest.mark.usefixtures("pipe")
def test_a_terminal_gets_lines_for_people() -> None:
    reader, writer = pty.openpty()
    try:
        configure_logs(node="node-1", version="1", fd=writer)
        structlog.get_logger().info("reconciled", token="s3cret", seconds=1)  # noqa: S106 - it is the test
        log_crash("why")
        text = read_until("KeyError: 'why'", terminal=reader)
    finally:
        os.close(reader)
        os.close(writer)

    assert "reconciled" in text
    assert "s3cret" not in text
    assert not text.startswith("{")


def test_a_file_as_stderr_gets_every_line(tmp_path: Path) -> None:
    script = (
        "import structlog; from agent.reporting.logs import configure_logs\n"
        "output = configure_logs(node='n', version='1')\n"
        "for number in range(500): structlog.get_logger().info('x', number=number)\n"
        "assert output.dropped == 0\n"
    )
    with (tmp_path / "log").open("wb") as log:
        subprocess.run([sys.executable, "-c", script], stderr=log, check=True)  # noqa: S603 - ours

    lines = (tmp_path / "log").read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == list(range(500))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.text(), st.dictionaries(st.from_regex(r"x[a-z]{0,5}", fullmatch=True), VALUES))
def test_no_event_is_too_odd_to_be_logged(event: str, fields: dict[str, Any]) -> None:
    pipe = Pipe()
    try:
        output = pipe.configure()
        structlog.get_logger().warning(event, **fields)
        (line,) = pipe.events()
        assert line["level"] == "warning"
        assert output.dropped == 0
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
        os.close(pipe.reader)
        os.close(pipe.writer)
