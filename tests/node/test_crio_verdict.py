"""What each answer proves, in the verbatim words of CRI-O 1.34.0 and 1.36.3 on real nodes."""

import pytest

from agent.errors import Reason
from agent.node.pull_verdict import judge_pull

HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/registry-node-agent/absent:absent"
AUTHORITY = "10.96.0.50:443"
READING = f"reading manifest absent in {AUTHORITY}/registry-node-agent/absent: "
PINGING = f"pinging container registry {AUTHORITY}: "
GET = f'{PINGING}Get "https://{AUTHORITY}/v2/": '
BY_NAME = f'pinging container registry {HOST}: Get "https://{HOST}/v2/": '
SCOPE = "?scope=repository%3Aregistry-node-agent%2Fabsent%3Apull&service=ground"
NO_SAN = "x509: cannot validate certificate for 10.96.0.50 because it doesn't contain any IP SANs"


def by_1_34(words: str) -> str:
    return f"unable to try pulling possible OCI artifact: build image source: {words}"


def by_1_36(words: str) -> str:
    return f"unable to pull image: initializing source docker://{IMAGE}: {words}"


def by_1_36_as_artifact_too(words: str) -> str:
    return (
        f"unable to pull image or OCI artifact: pull image err: initializing source "
        f"docker://{IMAGE}: {words}; artifact err: image reference: get manifest from ref: create "
        f"image source: {words}"
    )


each_version = pytest.mark.parametrize("said", [by_1_34, by_1_36, by_1_36_as_artifact_too])


def judge(words):
    return judge_pull(host=HOST, code="UNKNOWN", words=words)


@each_version
@pytest.mark.parametrize(
    "words",
    [
        f"{READING}manifest unknown",
        f"{READING}authentication required",  # a 401 without a body
        f"{READING}unauthorized",  # with one that has no details
        f"{READING}unauthorized: authentication required",  # as docker-registry answers
    ],
)
def test_an_answer_of_the_registry_proves_the_drop_in_effective_and_says_where(said, words):
    proof = judge(said(words))
    assert proof.effective
    assert proof.authority == AUTHORITY


@each_version
def test_asking_for_the_name_itself_proves_the_drop_in_ignored(said):
    proof = judge(said(f"{BY_NAME}dial tcp: lookup {HOST}: no such host"))
    assert proof.reason is Reason.RUNTIME_IGNORES_FILES


@each_version
@pytest.mark.parametrize(
    "words",
    [
        f"{GET}tls: failed to verify certificate: x509: certificate signed by unknown authority",
        f"{GET}tls: failed to verify certificate: {NO_SAN}",
        f"{GET}dial tcp {AUTHORITY}: connect: connection refused",
        f"{GET}dial tcp {AUTHORITY}: connect: network is unreachable",
        f"{PINGING}received unexpected HTTP status: 503 Service Temporarily Unavailable",
        f'{PINGING}StatusCode: 404, "<html>\\r\\n<head><title>404 Not Found</title></head>\\r..."',
    ],
)
def test_any_other_failure_is_told_in_its_words_and_says_where(said, words):
    proof = judge(said(words))
    assert proof.reason is Reason.PULL_FAILED
    assert words in proof.detail
    assert proof.authority == AUTHORITY


@pytest.mark.parametrize("place", ["10.96.0.51", "mirror.example.org", "mirror.example.org:5000"])
def test_the_place_that_somebody_else_sends_it_to_is_told_too(place):
    refused = f'Get "https://{place}/v2/": tls: failed to verify certificate'
    proof = judge(by_1_36(f"pinging container registry {place}: {refused}"))
    assert (proof.reason, proof.authority) == (Reason.PULL_FAILED, place)


@each_version
@pytest.mark.parametrize("name", ["tokens.registry.svc", HOST])
def test_a_token_realm_by_name_is_no_sign_of_an_ignored_drop_in(said, name):
    realm = f'Get "https://{name}/token{SCOPE}": dial tcp: lookup {name}: no such host'
    assert judge(said(realm)).reason is Reason.PULL_FAILED
