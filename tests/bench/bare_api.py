"""The least that can talk to an API server: one connection with a client certificate, JSON."""

import argparse
import http.client
import json
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class RefusedError(Exception):
    """The API server's own words."""


class BareApi:
    """One HTTP connection."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        context = ssl.create_default_context(cafile=str(arguments.authority))
        context.load_cert_chain(arguments.certificate)
        address = urlsplit(arguments.server).netloc
        self._connection = http.client.HTTPSConnection(address, context=context)

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--server")
        parser.add_argument("--authority", type=Path)
        parser.add_argument("--certificate", type=Path)

    def open(self, method: str, path: str, patch: object = None) -> http.client.HTTPResponse:
        """Send it; the answer is not read yet."""
        headers = {"Content-Type": "application/merge-patch+json"}
        body = None if patch is None else json.dumps(patch)
        self._connection.request(method, path, body=body, headers=headers)
        answer = self._connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise RefusedError(f"{method} {path}: {answer.status} {answer.read().decode()}")
        return answer

    def ask(self, method: str, path: str, patch: object = None) -> Any:
        """Send it, and read the answer."""
        return json.loads(self.open(method, path, patch).read())
