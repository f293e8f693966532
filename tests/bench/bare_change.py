"""The least that can follow a Service: one watch, one regular expression, one probe, the renames.

No YAML, no plan, no rules, no checks, no ledger that could be read back; its TLS context and its
files' contents are ready before the change comes. It is what any program would have to do.
"""

import argparse
import os
import re
import socket
import ssl
from pathlib import Path

from inotify_simple import INotify, flags  # type: ignore[import-untyped]

_ADDRESS = re.compile(rb"clusterIP: (\S+)")
_REQUEST = b"GET /v2/ HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


def main() -> None:
    """Watch until killed."""
    arguments = _arguments()
    hosts: list[Path] = arguments.directories
    ledger: Path = arguments.ledger
    record, template = ledger.read_bytes(), (hosts[0] / "hosts.toml").read_bytes()
    context = ssl.create_default_context(cafile=str(hosts[0] / "ca.crt"))
    old = re.search(rb'server = "https://([^"]+)"', template)
    with INotify() as inotify:
        inotify.add_watch(arguments.manifests, flags.MOVED_TO)
        arguments.ready.touch()
        while True:
            names = {event.name for event in inotify.read()}
            if arguments.file not in names or old is None:
                continue
            found = _ADDRESS.search((arguments.manifests / arguments.file).read_bytes())
            if found is None:
                continue
            _probe(found[1], context)
            for _ in range(arguments.before):
                _replace(ledger, record)
            for host in hosts:
                _replace(host / "hosts.toml", template.replace(old[1], found[1]))
            for _ in range(arguments.after):
                _replace(ledger, record)


def _probe(address: bytes, context: ssl.SSLContext) -> None:
    """TCP, TLS with the address in the certificate verified, GET /v2/."""
    name = address.decode()
    with (
        socket.create_connection((name, 443), timeout=3) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        secure.sendall(_REQUEST % address)
        if not secure.recv(4096).startswith(b"HTTP/1.1 200"):
            raise SystemExit("the registry does not answer")


def _replace(place: Path, content: bytes) -> None:
    """One durable rename: write beside, fsync, rename, fsync of the directory."""
    beside = place.with_name(f".{place.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(handle, content)
    os.fsync(handle)
    os.close(handle)
    beside.rename(place)
    directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(directory)
    os.close(directory)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", type=int)
    parser.add_argument("--after", type=int)
    parser.add_argument("--manifests", type=Path)
    parser.add_argument("--file")
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--ready", type=Path)
    parser.add_argument("directories", type=Path, nargs="+")
    return parser.parse_args()


if __name__ == "__main__":
    main()
