"""Objects of an API server as they are now: one watch of kubectl, taken up again when it ends."""

import json
from collections.abc import Callable
from threading import Event, Lock, Thread

from tests.ground.closing import Closing
from tests.ground.kubectl import Kubectl, Object
from tests.ground.namespaces import NodeProcess
from tests.ground.node import Node

_SECONDS_BETWEEN_TRIES = 0.2  # while there is no API server


class Watched(Closing):
    """What `kubectl get` with these arguments would find, kept for as long as it is open.

    An object that is deleted stays as it was last: so do the files of a volume, and the world of
    somebody who lost sight of the API server.
    """

    def __init__(
        self,
        *arguments: str,
        node: Node,
        kubectl: Kubectl,
        tell: Callable[[Object], None] | None = None,
    ) -> None:
        """Watch by kubectl on that node; `tell` is called in the thread of the watch."""
        self.objects: dict[str, Object] = {}
        self._popen: Callable[[], NodeProcess] = lambda: kubectl.watch(node, *arguments)
        self._tell = tell
        self._lock = Lock()
        self._process: NodeProcess | None = None
        self._ended = Event()
        self._thread = Thread(target=self._watch, name=f"watch {' '.join(arguments)}")
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        with self._lock:
            self._ended.set()
            if self._process and self._process.poll() is None:
                self._process.kill()
        self._thread.join(timeout=30)

    def _watch(self) -> None:
        while process := self._begin():
            with process:
                for line in process.stdout or ():
                    self._take(json.loads(line))
            self._ended.wait(_SECONDS_BETWEEN_TRIES)

    def _take(self, event: Object) -> None:
        if event["type"] == "DELETED" or self._ended.is_set():
            return
        found: Object = event["object"]
        self.objects[found["metadata"]["name"]] = found
        if self._tell:
            self._tell(found)

    def _begin(self) -> NodeProcess | None:
        with self._lock:
            self._process = None if self._ended.is_set() else self._popen()
            return self._process
