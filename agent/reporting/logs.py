"""structlog to stderr, one line per event, and never a wait for whoever reads it.

A container's stderr is a pipe that the runtime drains, and the runtime is what we may have to
restart: an agent that blocks on its own log could never finish. A line is written only when the
kernel says there is room for it, else it is dropped and counted. Lines of at most PIPE_BUF bytes
go in whole or not at all. In a terminal the lines are for people, elsewhere they are JSON.
"""

import json
import logging
import os
import select
import threading
from collections.abc import Mapping, MutableMapping
from typing import Any, TypeAlias

import structlog

from agent.planning.secrets import REDACTED, may_be_secret, redact_words

LINE_BYTES = select.PIPE_BUF  # 4096

_Event: TypeAlias = MutableMapping[str, Any]

_FIRST = ("timestamp", "level", "event", "node", "version")
_CUT_LENGTHS = (600, 100)  # of each text, where a line would be too long; then only _FIRST is kept
_DEPTH = 8


class LogOutput:
    """Where rendered lines go. `dropped` counts those that found no room since the start."""

    def __init__(self, *, fd: int) -> None:
        self.dropped = 0
        self._fd = fd
        self._lock = threading.Lock()  # between the kernel's word and the write nobody may write
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def msg(self, line: str) -> None:
        """Write one line, or count it."""
        content = line.encode(errors="backslashreplace")[: LINE_BYTES - 1] + b"\n"
        with self._lock:
            if not self._written(content):
                self.dropped += 1

    debug = info = warning = error = critical = exception = msg

    def _written(self, content: bytes) -> bool:
        if not any(ready & select.POLLOUT for _, ready in self._poll.poll(0)):
            return False
        try:
            return os.write(self._fd, content) == len(content)
        except OSError:  # nobody holds the other end, or the disk behind it is full
            return False


def configure_logs(*, node: str, version: str, fd: int = 2, debug: bool = False) -> LogOutput:
    """Send structlog's events, and the standard library's from warning on, to `fd`.

    Every event carries `node` and `version`. Returns the output, for its count of dropped lines.
    """
    output = LogOutput(fd=fd)

    def add_origin(_: object, __: str, event: _Event) -> _Event:
        return {**event, "node": node, "version": version}

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            add_origin,
            _redact,
            _for_people() if os.isatty(fd) else _render_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if debug else logging.INFO
        ),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_FromLibraries()], level=logging.WARNING, force=True)
    return output


class _FromLibraries(logging.Handler):
    """Hands what libraries log to structlog: their own handler would write to stderr and block."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        say = log.error if record.levelno >= logging.ERROR else log.warning
        say(record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _for_people() -> structlog.dev.ConsoleRenderer:
    """Render with colours, and tracebacks without the values of variables: they may be secrets."""
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _redact(_: object, __: str, event: _Event) -> _Event:
    return {key: _shown(key, value, _DEPTH) for key, value in event.items()}


def _shown(key: object, value: object, depth: int) -> object:
    """Return a value as it may be shown: nothing under a key that speaks of a secret.

    Texts are redacted whole, before they are shortened: half a secret has no words around it.
    """
    if may_be_secret(str(key)):
        return REDACTED
    if depth and isinstance(value, Mapping):
        return {str(inner): _shown(inner, item, depth - 1) for inner, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_shown("", item, depth - 1) for item in value]
    if isinstance(value, int | float | None):
        return value
    return redact_words(str(value))


def _render_json(_: object, __: str, event: _Event) -> str:
    """Render one line of JSON that fits, by cutting texts rather than the line."""
    fields = {**{name: event[name] for name in _FIRST if name in event}, **event}
    line = json.dumps(fields)
    for length in _CUT_LENGTHS:
        if len(line) < LINE_BYTES:
            return line
        line = json.dumps({key: _cut(value, length) for key, value in fields.items()})
    if len(line) < LINE_BYTES:
        return line
    return json.dumps({name: _cut(fields.get(name, ""), _CUT_LENGTHS[-1]) for name in _FIRST})


def _cut(value: object, length: int) -> object:
    """Shorten a text in its middle: the end of a traceback says most."""
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) <= length:
        return value
    return f"{text[: length // 2]} ... {text[-length // 2 :]}"
