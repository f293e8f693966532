"""Every request that the API server received, by its own audit log, with time and User-Agent.

Its metrics do not say whose a request was, begin anew when it was killed, and count a watch only
when that has ended. What the log costs the API server it costs with every kind of client.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

RECEIVED, STARTED, COMPLETE = "RequestReceived", "ResponseStarted", "ResponseComplete"

_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "rules": [
        {"level": "None", "users": ["system:apiserver"]},
        {"level": "None", "nonResourceURLs": ["*"]},
        {"level": "Metadata"},
    ],
}


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of one request; `at` is in seconds since 1970, `status` 0 until it is answered."""

    at: float
    stage: str
    verb: str
    resource: str
    status: int
    client: str


class AuditLog:
    """The log of one API server; it has to be killed before `restart`."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "audit.log"
        self._policy = directory / "audit-policy.json"
        self._policy.write_text(json.dumps(_POLICY))

    @property
    def flags(self) -> Sequence[str]:
        """What the API server has to be told."""
        return (
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self._log}",
            "--audit-log-maxsize=4000",  # MB: never rotated here
        )

    def restart(self) -> None:
        """Forget what was logged."""
        self._log.unlink(missing_ok=True)

    def follow(self, client: str) -> "Tail":
        """What is logged from now on of the clients whose User-Agent begins so."""
        return Tail(self._log, client=client)


class Tail:
    """What was logged since."""

    def __init__(self, log: Path, *, client: str) -> None:
        self._log = log
        self._client = client
        self._read = log.stat().st_size
        self._half = ""

    def stages(self) -> Iterator[Stage]:
        """Those that were logged since the last call."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
        self._read += len(new)
        *lines, self._half = (self._half + new.decode()).split("\n")
        for line in lines:
            stage = _stage(line)
            if stage and stage.client.startswith(self._client):
                yield stage


def _stage(line: str) -> Stage | None:
    """None for half a line: what a server was writing when it was killed."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return Stage(
        at=datetime.fromisoformat(event["stageTimestamp"]).timestamp(),
        stage=event["stage"],
        verb=event["verb"],
        resource=event.get("objectRef", {}).get("resource", ""),
        status=event.get("responseStatus", {}).get("code", 0),
        client=event.get("userAgent", ""),
    )
