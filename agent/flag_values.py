"""The values of flags: text to what it means.

Each raises ArgumentTypeError with the reason why a text means nothing.
"""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from agent.planning.hostnames import is_domain, is_label
from agent.planning.listen_address import ListenAddress, parse_listen_address
from agent.planning.model import HostPath
from agent.planning.trust_reference import TrustReference, parse_trust_reference

_DURATION = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m|h|d)")
MAX_SECONDS = 10 * 365 * 86400.0
MIN_INTERVAL_SECONDS = 1.0  # or one pass would chase the other
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def boolean(text: str) -> bool:
    """`true` or `false`."""
    if text.lower() not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def choice(*allowed: str) -> Callable[[str], str]:
    """A converter that takes these words only."""

    def convert(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not known; use one of: {', '.join(allowed)}"
            )
        return text

    return convert


def namespace(text: str) -> str:
    """The name of a namespace."""
    if not is_label(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a namespace")
    return text


def domain(text: str) -> str:
    """A cluster's DNS domain."""
    if not is_domain(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be a cluster domain")
    return text


def trust_bundle(text: str) -> tuple[str, TrustReference]:
    """`[NS=]REF`: a namespace, "" for all others, and where its bundle is."""
    namespace, equals, reference = text.partition("=")
    if not equals or not is_label(namespace):
        namespace, reference = "", text
    try:
        return namespace, parse_trust_reference(reference)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def host_root(text: str) -> Path:
    """A directory that is there."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no directory")
    return path


def kubeconfig(text: str) -> Path:
    """A file that is there."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no file")
    return path


def state_dir(text: str) -> HostPath:
    """An absolute path of the node, normalised."""
    names = [name for name in text.split("/") if name not in {"", "."}]
    if not text.startswith("/") or ".." in names or not names:
        raise argparse.ArgumentTypeError(f"{text!r} is no absolute path of a directory")
    return HostPath("/" + "/".join(names))


def listen(text: str) -> ListenAddress:
    """`HOST:PORT`."""
    try:
        return parse_listen_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def duration(text: str) -> float:
    """Seconds, from a number with its unit."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 5m, 1h or 30d")
    seconds = float(match["amount"]) * _UNIT_SECONDS[match["unit"]]
    if seconds > MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than ten years")
    return seconds


def interval(text: str) -> float:
    """Seconds, one at least."""
    seconds = duration(text)
    if seconds < MIN_INTERVAL_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a second")
    return seconds
