"""What the runtime's answer to the pull of an absent tag proves.

The words are containerd's, collected from real runs of 1.6, 1.7, 2.1 and 2.2
(tests/node/test_cri_verdict.py has them verbatim): a CRI answer has no other machine-readable
part, and its gRPC code is `Unknown` for almost everything.
"""

from agent.errors import Reason
from agent.planning.model import Proof

ABSENT = "registry-node-agent/absent:absent"
"""The tag that cannot exist. Asking for it stores nothing on the node."""

REACHED = (
    # The registry answered, and wants a pull secret that the agent does not have.
    "insufficient_scope",
    "pull access denied",
    "401 Unauthorized",
    "403 Forbidden",
    "no basic auth credentials",
)
TIMED_OUT = ("i/o timeout", "context deadline exceeded", "TLS handshake timeout")


def absent_image(host: str) -> str:
    """Name the image to pull from a cluster hostname."""
    return f"{host}/{ABSENT}"


def judge_pull(*, host: str, code: str, words: str) -> Proof:
    """Judge one answer: `code` is the gRPC status name, `words` its details.

    A lookup proves that our file is ignored only when it is of the image's own host: a token
    realm is looked up too, and then the file was read.
    """
    name, _, port = host.rpartition(":")
    own_lookup = f"lookup {name if port.isdecimal() else host}"
    verdicts: tuple[tuple[bool, Reason | None], ...] = (
        (code == "OK", None),
        (code == "NOT_FOUND" and f"{absent_image(host)}: not found" in words, None),
        (f"{own_lookup} " in words or f"{own_lookup}:" in words, Reason.RUNTIME_IGNORES_FILES),
        (any(text in words for text in REACHED), None),
        (code in {"UNAVAILABLE", "UNIMPLEMENTED"}, Reason.RUNTIME_UNREACHABLE),
        (code == "DEADLINE_EXCEEDED", Reason.TIMEOUT),
        (any(text in words for text in TIMED_OUT), Reason.TIMEOUT),
        (True, Reason.PULL_FAILED),
    )
    reason = next(reason for holds, reason in verdicts if holds)
    return Proof(reason=reason, detail=words or code)
