"""Port 80 beside a registry: it answers there over plain HTTP, and whoever comes is counted.

`python plain_http.py ADDRESS SOCKET` passes on all that comes to the registry at that socket.
"""

import asyncio
import sys
from pathlib import Path

from tests.ground.closing import Closing
from tests.ground.namespaces import NodeTroubleError, wait_until
from tests.ground.node import Node
from tests.ground.registry import Registry

PORT = 80
_READY, _CAME = "ready\n", "somebody came\n"


class PlainHttp(Closing):
    """It listens at an address of the registry's node until `close`."""

    def __init__(self, registry: Registry, *, address: str) -> None:
        node: Node = registry.node
        node.add_address(address)
        self._log = node.root / "run/plain-http.log"
        with self._log.open("w") as log:
            self._process = node.popen(
                [sys.executable, "-m", __name__, address, str(registry.backend)],
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, what=f"somebody listens at {address}:{PORT}")

    def close(self) -> None:
        """Listen no more; connections are refused."""
        self._process.kill()
        self._process.wait(timeout=30)

    @property
    def visits(self) -> int:
        """How many connections there have been."""
        return self._log.read_text().count(_CAME)

    def _is_ready(self) -> bool:
        said = self._log.read_text()
        if self._process.poll() is not None:
            raise NodeTroubleError(f"nobody listens on port {PORT}: {said}")
        return said.startswith(_READY)


async def _listen(address: str, backend: Path) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _say(_CAME)
        answers, requests = await asyncio.open_unix_connection(backend)
        await asyncio.gather(_copy(reader, requests), _copy(answers, writer))

    server = await asyncio.start_server(pass_on, address, PORT)
    _say(_READY)
    await server.serve_forever()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()


def _say(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1], Path(sys.argv[2])))
