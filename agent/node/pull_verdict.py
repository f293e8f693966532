"""What the runtime's answer to the pull of an absent tag proves.

The words are containerd's and CRI-O's, collected from real runs of 1.6, 1.7, 2.1, 2.2 and 2.3, and
of 1.34 and 1.36 (verbatim in tests/node/test_*_verdict.py): a CRI answer has no other part to
tell them apart by, and its gRPC code is `UNKNOWN` for nearly everything. CRI-O also names the
endpoint that it asked, and so whether it goes by our newest file.

A pull that does not end is no sign of a runtime that hangs: before 2.1 it waits half a minute for
an endpoint that drops packets, and any release does for a proxy or a token realm that does. So it
is a `timeout` on the runtime's own way only where the runtime still told its version (cri_call).
"""

import re

from agent.errors import Reason
from agent.node.cri_call import SILENT
from agent.planning.evidence import Proof
from agent.planning.node_auth import asks_who_pulls

ABSENT_REPOSITORY = "registry-node-agent/absent"
ABSENT = f"{ABSENT_REPOSITORY}:absent"
"""The tag that cannot exist. Asking for it stores nothing on the node."""

REACHED = (
    # The registry answered, and wants a pull secret that the agent does not have.
    "insufficient_scope",
    "pull access denied",
    "401 Unauthorized",
    "403 Forbidden",
    "no basic auth credentials",
)
ASKED = re.compile(
    r"(?:reading manifest absent in|pinging container registry) ([\w.-]+(?::[0-9]+)?)[/:]"
)
"""Where CRI-O went, after its drop-ins were applied (containers/image, docker_image_src.go)."""
ASKS_FOR_TOKEN = ("failed to authorize", "?scope=repository")
"""containerd's words, and the URL in CRI-O's."""
TIMED_OUT = ("i/o timeout", "context deadline exceeded", "TLS handshake timeout")


def absent_image(host: str) -> str:
    """Name the image to pull from a cluster hostname."""
    return f"{host}/{ABSENT}"


def judge_pull(*, host: str, code: str, words: str) -> Proof:
    """Judge one answer: `code` is the gRPC status name, `words` its details."""
    asked = ASKED.search(words)
    verdicts: tuple[tuple[bool, Reason | None], ...] = (
        (code == "OK", None),
        (code == "NOT_FOUND" and f"{absent_image(host)}: not found" in words, None),
        (asked is not None and f"{asked[1]}/{ABSENT_REPOSITORY}: manifest unknown" in words, None),
        (_went_by_name(host, words), Reason.RUNTIME_IGNORES_FILES),
        (any(text in words for text in REACHED), None),
        (asked is not None and asks_who_pulls(words), None),
        (code in {"UNAVAILABLE", "UNIMPLEMENTED"}, Reason.RUNTIME_UNREACHABLE),
        (code == SILENT, Reason.RUNTIME_TIMEOUT),
        (code == "DEADLINE_EXCEEDED", Reason.TIMEOUT),
        (any(text in words for text in TIMED_OUT), Reason.TIMEOUT),
        (True, Reason.PULL_FAILED),
    )
    reason = next(reason for holds, reason in verdicts if holds)
    details = {
        "OK": "pulled: somebody made that tag",
        "DEADLINE_EXCEEDED": f"the runtime answers, but its pull did not end in time: {words}",
    }
    return Proof(
        reason=reason,
        detail=details.get(code, words or code),
        authority=asked[1] if asked else "",
    )


def _went_by_name(host: str, words: str) -> bool:
    """Whether the runtime asked the cluster hostname itself, as without our file.

    A token realm may stand on that very name: whoever came to ask for a token had read the file.
    """
    name, _, port = host.rpartition(":")
    name = name if port.isdecimal() else host
    by_name = (
        f"lookup {name} ",
        f"lookup {name}:",
        f"address {name}: no suitable address",
        # The node can resolve the name, and what answers there is not our endpoint.
        f'Head "https://{host}/',
        f"HEAD request to https://{host}/",
        f"pulling from host {host} ",
        f"pinging container registry {host}: ",
        f"reading manifest absent in {host}/",
    )
    asks_for_token = any(text in words for text in ASKS_FOR_TOKEN)
    return not asks_for_token and any(text in words for text in by_name)
