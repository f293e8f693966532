"""Every way of an API server to misbehave that we know of; each is what a stub can be told to do.

A function gets a request and returns whether it has dealt with it.
"""

import json
import socket
from collections.abc import Callable, Mapping

from tests.cluster.kube_access import refusal
from tests.cluster.stub_api_server import Request

Misbehaviour = Callable[[Request], bool]


def hangs_up(request: Request) -> bool:
    """No answer, the connection closed."""
    request.connection.shutdown(socket.SHUT_RDWR)
    return True


def ends_watches_at_once(request: Request) -> bool:
    """A clean end, as if the time of the watch were up."""
    if request.is_watch:
        request.begin_stream()
        request.say_chunk(b"")
    return request.is_watch


def breaks_watches_off(request: Request) -> bool:
    """The connection closed in the middle of an event."""
    if request.is_watch:
        request.begin_stream()
        request.say_chunk(b'{"type": "MODIFIED", "object": {"metadata": {"na')
        request.connection.shutdown(socket.SHUT_RDWR)
    return request.is_watch


def ends_watches_in_the_middle_of_a_line(request: Request) -> bool:
    """A clean end where there cannot be one."""
    if request.is_watch:
        request.begin_stream()
        request.say_chunk(b'{"type": "MODIFIED", "object": {"metadata": {"na')
        request.say_chunk(b"")
    return request.is_watch


def _watches_say(line: bytes) -> Misbehaviour:
    def misbehave(request: Request) -> bool:
        if request.is_watch:
            request.begin_stream()
            request.say_chunk(line + b"\n")
            request.wait(0.05)
        return request.is_watch

    return misbehave


def falls_silent(request: Request) -> bool:
    """Watches are open, and no byte comes any more: no event, no bookmark, no end."""
    if request.is_watch:
        request.begin_stream()
        request.await_end()
    return request.is_watch


def says_nothing(request: Request) -> bool:
    """Not even a header."""
    request.await_end()
    return True


def drips_headers(request: Request) -> bool:
    """A byte now and then, so that there is never a silence."""
    request.say(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not request.server.closing.is_set():
        request.say(b"x")
        request.wait(0.05)
    return True


def drips_lists(request: Request) -> bool:
    """As with the headers, but it is the body."""
    if not request.is_watch:
        request.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not request.server.closing.is_set():
            request.say(b" ")
            request.wait(0.05)
    return not request.is_watch


def answers(response: bytes) -> Misbehaviour:
    """Whatever is asked for, in full."""

    def misbehave(request: Request) -> bool:
        request.say(response)
        return True

    return misbehave


def _answers_watches(response: bytes) -> Misbehaviour:
    def misbehave(request: Request) -> bool:
        if request.is_watch:
            request.say(response)
        return request.is_watch

    return misbehave


def _lists_say(body: bytes) -> Misbehaviour:
    def misbehave(request: Request) -> bool:
        if not request.is_watch:
            request.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        return not request.is_watch

    return misbehave


_EXPIRED = {
    "type": "ERROR",
    "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"},
}

_NEWEST = "999999"  # so that no watch makes good what a LIST has lost
_WHOLE = {"metadata": {"resourceVersion": _NEWEST}, "items": []}
_NO_LISTS = {
    "one ConfigMap": {"kind": "ConfigMap", "metadata": {"resourceVersion": _NEWEST}},
    "a table": {"kind": "Table", "metadata": {"resourceVersion": _NEWEST}, "rows": []},
    "without saying of what": _WHOLE,
    "Pods": {**_WHOLE, "kind": "PodList"},
    "Services without items": {"kind": "ServiceList", "metadata": {"resourceVersion": _NEWEST}},
    "Services in part": {
        **_WHOLE,
        "kind": "ServiceList",
        "metadata": {"resourceVersion": _NEWEST, "continue": "more"},
    },
}
"""Each a success, and none a reason to take an object as gone."""

ALL: Mapping[str, Misbehaviour] = {
    "hangs up": hangs_up,
    "ends watches at once": ends_watches_at_once,
    "breaks watches off": breaks_watches_off,
    "ends watches in the middle of a line": ends_watches_in_the_middle_of_a_line,
    "says what is not JSON": _watches_say(b"<html>"),
    "says an event of no known kind": _watches_say(b'{"type": "SPLENDID", "object": {}}'),
    "says an event without an object": _watches_say(b'{"type": "ADDED"}'),
    "says 410 in a watch": _watches_say(json.dumps(_EXPIRED).encode()),
    "refuses watches with 410": _answers_watches(refusal(410, "Expired", "too old")),
    "deletes at once, for ever": _watches_say(b'{"type": "DELETED", "object": {}}'),
    "falls silent": falls_silent,
    "says nothing": says_nothing,
    "drips headers": drips_headers,
    "drips lists": drips_lists,
    "does not know us": answers(refusal(401, "Unauthorized", "Unauthorized")),
    "forbids": answers(refusal(403, "Forbidden", "not for you")),
    "has no time": answers(refusal(429, "TooManyRequests", "later", "Retry-After: 1")),
    "is not ready": answers(refusal(503, "ServiceUnavailable", "starting")),
    "lists what is no list": _lists_say(b'{"kind": "Status", "status": "Success"}'),
    "lists nothing without a version": _lists_say(b'{"items": []}'),
    **{
        f"lists {name}": _lists_say(json.dumps(document).encode())
        for name, document in _NO_LISTS.items()
    },
}
