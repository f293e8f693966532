"""What dockerd's answer to the pull of an absent tag proves.

Where it reads hosts.toml its words are containerd's. Where it reads CAs alone every pull goes by
the name itself, so that only the name's lookup tells whether the node knows it (verbatim words in
tests/node/test_docker_verdict.py, from real runs of 26.1 and 29 with either image store).
"""

from http import HTTPStatus

from agent.errors import Reason
from agent.node.pull_verdict import ASKS_FOR_TOKEN, REACHED, TIMED_OUT, absent_image, judge_pull
from agent.planning.evidence import Proof

_REACHED = (*REACHED, "unauthorized", "denied: ")
_TIMED_OUT = (*TIMED_OUT, "Client.Timeout exceeded")


def judge_docker_pull(*, host: str, status: int, words: str, trust_only: bool) -> Proof:
    """Judge one answer: `status` is HTTP's, `words` the message of the refusal, empty without."""
    if trust_only and words:
        return Proof(reason=_reason_by_name(host, words), detail=words)
    code = "OK" if status == HTTPStatus.OK and not words else "UNKNOWN"
    if status == HTTPStatus.NOT_FOUND:
        code = "NOT_FOUND"
    return judge_pull(host=host, code=code, words=words)


def _reason_by_name(host: str, words: str) -> Reason | None:
    """Why a pull by the name itself did not get to the registry; None when it did."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    image = absent_image(host)
    if f"manifest for {image} not found" in words or f"{image}: not found" in words:
        return None
    asks_for_token = any(text in words for text in ASKS_FOR_TOKEN)
    if not asks_for_token and any(text in words for text in (f"lookup {name} ", f"lookup {name}:")):
        return Reason.CLASSIC_IMAGE_STORE
    if any(text in words for text in _REACHED):
        return None
    if any(text in words for text in _TIMED_OUT):
        return Reason.TIMEOUT
    return Reason.PULL_FAILED
