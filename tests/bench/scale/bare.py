"""The least that can follow the two objects: a watch of each by its name, and nothing else.

No LIST, no back-off, no bookmarks, no timeouts of its own, no view, no Lease; one TLS context for
all. One thread for each watch, as in the agent, so that both are scheduled alike.
"""

import json
import random
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from http.client import HTTPSConnection

from tests.bench.scale.names import (
    API_ADDRESS,
    API_PORT,
    BARE,
    BUNDLE,
    CONFIG_MAPS,
    SERVICE,
    SERVICES,
)


class BareNode:
    """`seen` is called with the port in every event of the Service."""

    def __init__(
        self,
        *,
        context: ssl.SSLContext,
        token: str,
        lifetime: tuple[float, float],
        seen: Callable[[int], None],
    ) -> None:
        self._context = context
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": BARE}
        self._lifetime = lifetime
        self._seen = seen
        self.port = 0

    def start(self) -> None:
        """Begin to watch."""
        for path in (f"{SERVICES}?{_only(SERVICE)}", f"{CONFIG_MAPS}?{_only(BUNDLE)}"):
            threading.Thread(target=self._watch, args=(path,), daemon=True).start()

    def publish(self) -> None:
        """It has nothing to say."""

    def watch_ends(self) -> Counter[str]:
        """Not counted."""
        return Counter()

    def _watch(self, path: str) -> None:
        connection = HTTPSConnection(API_ADDRESS, API_PORT, context=self._context)
        while True:
            seconds = round(random.uniform(*self._lifetime))  # noqa: S311 - as the server would
            query = f"watch=true&timeoutSeconds={seconds}"
            connection.request("GET", f"{path}&{query}", headers=self._headers)
            for line in connection.getresponse():
                item = json.loads(line)["object"]
                if item["kind"] == "Service" and item["spec"]["ports"][0]["port"] != self.port:
                    self.port = item["spec"]["ports"][0]["port"]
                    self._seen(self.port)


def _only(name: str) -> str:
    return f"fieldSelector=metadata.name={name}"
