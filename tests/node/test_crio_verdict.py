"""What each answer of CRI-O proves, in its verbatim words, collected from 1.34.0 and 1.36.3."""

import pytest

from agent.errors import Reason
from agent.node.pull_verdict import judge_pull

HOST = "knative.registry.svc.cluster.local"
ASKED = "10.96.0.50:443"
REPOSITORY = "registry-node-agent/absent"
IMAGE_34 = "unable to try pulling possible OCI artifact: build image source: "
IMAGE_36 = (
    "unable to pull image or OCI artifact: pull image err: initializing source "
    f"docker://{HOST}/{REPOSITORY}:absent: "
)
UNKNOWN_MANIFEST = f"reading manifest absent in {ASKED}/{REPOSITORY}: manifest unknown"
PING = f'pinging container registry {ASKED}: Get "https://{ASKED}/v2/": '
PING_NAME = f'pinging container registry {HOST}: Get "https://{HOST}/v2/": dial tcp: lookup {HOST}'
ARTIFACT = "; artifact err: image reference: get manifest from ref: create image source: "


@pytest.mark.parametrize(
    "words",
    [
        f"{IMAGE_34}{UNKNOWN_MANIFEST}",
        f"{IMAGE_36}{UNKNOWN_MANIFEST}{ARTIFACT}{UNKNOWN_MANIFEST}",
    ],
)
def test_the_registrys_own_answer_is_a_proof_that_names_the_endpoint(words: str) -> None:
    proof = judge_pull(host=HOST, code="UNKNOWN", words=words)
    assert proof.effective
    assert proof.authority == ASKED


@pytest.mark.parametrize("words", [f"{IMAGE_34}{PING_NAME}", f"{IMAGE_36}{PING_NAME}"])
def test_asking_for_the_name_itself_proves_the_drop_in_unread(words: str) -> None:
    proof = judge_pull(host=HOST, code="UNKNOWN", words=f"{words}: no such host")
    assert proof.reason is Reason.RUNTIME_IGNORES_FILES
    assert proof.authority == ""


@pytest.mark.parametrize(
    "words",
    [
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        f"dial tcp {ASKED}: connect: network is unreachable",
    ],
)
def test_another_failure_still_tells_which_endpoint_was_asked(words: str) -> None:
    proof = judge_pull(host=HOST, code="UNKNOWN", words=f"{IMAGE_36}{PING}{words}")
    assert proof.reason is Reason.PULL_FAILED
    assert proof.authority == ASKED


def test_the_manifest_of_another_repository_proves_nothing() -> None:
    words = f"reading manifest absent in {ASKED}/other/absent: manifest unknown"
    assert not judge_pull(host=HOST, code="UNKNOWN", words=words).effective
