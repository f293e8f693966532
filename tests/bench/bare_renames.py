"""What any program would have to do once it knows the address: one probe, the durable renames.

No plan, no rules, no checks, no ledger that could be read back; its TLS context and its files'
contents are ready before the change comes.
"""

import argparse
import os
import re
import socket
import ssl
from pathlib import Path

_REQUEST = b"GET /v2/ HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"


class BareRenames:
    """`before` and `after` are how often the record is written beside the hosts files."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._hosts: list[Path] = arguments.directories
        self._ledger: Path = arguments.ledger
        self._before: int = arguments.before
        self._after: int = arguments.after
        self._record = self._ledger.read_bytes()
        self._template = (self._hosts[0] / "hosts.toml").read_bytes()
        found = re.search(rb'server = "https://([^"]+)"', self._template)
        if found is None:
            raise SystemExit("there is no hosts.toml to begin with")
        self._old = found[1]
        self._context = ssl.create_default_context(cafile=str(self._hosts[0] / "ca.crt"))

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--before", type=int)
        parser.add_argument("--after", type=int)
        parser.add_argument("--ledger", type=Path)
        parser.add_argument("--ready", type=Path)
        parser.add_argument("directories", type=Path, nargs="+")

    def point_to(self, address: bytes) -> None:
        """Probe it, then write it everywhere."""
        _probe(address.decode(), self._context)
        for _ in range(self._before):
            _replace(self._ledger, self._record)
        for host in self._hosts:
            _replace(host / "hosts.toml", self._template.replace(self._old, address))
        for _ in range(self._after):
            _replace(self._ledger, self._record)


def _probe(name: str, context: ssl.SSLContext) -> None:
    """TCP, TLS with the address in the certificate verified, GET /v2/."""
    with (
        socket.create_connection((name, 443), timeout=3) as plain,
        context.wrap_socket(plain, server_hostname=name) as secure,
    ):
        secure.sendall(_REQUEST % name.encode())
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
