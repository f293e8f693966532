"""What each answer proves, in the verbatim words of 26.1.5 and 29 with either image store."""

import pytest

from agent.errors import Reason
from agent.node.docker_verdict import judge_docker_pull

HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/registry-node-agent/absent:absent"
RESOLVE = f'failed to resolve reference "{IMAGE}": '
MANIFEST = "/v2/registry-node-agent/absent/manifests/absent"
BY_IP = f'failed to do request: Head "https://10.96.0.50{MANIFEST}?ns={HOST}": '
BY_NAME = f'failed to do request: Head "https://{HOST}{MANIFEST}": '
SCOPE = "?scope=repository%3Aregistry-node-agent%2Fabsent%3Apull&service=ground"
NO_HOST = f"dial tcp: lookup {HOST}: no such host"
TLS = "tls: failed to verify certificate: "
UNKNOWN_CA = f"{TLS}x509: certificate signed by unknown authority"
FORBIDDEN = "pull access denied, repository does not exist or may require authorization: "
CA_FILE = f"/etc/docker/certs.d/{HOST}/ca.crt"
DEAF = "net/http: request canceled while waiting for connection (Client.Timeout exceeded while"

BY_FILES = {
    "absent": (404, f"{RESOLVE}{IMAGE}: not found", None),
    "pulled": (200, "", None),
    "a password is wanted": (
        500,
        f"{RESOLVE}{FORBIDDEN}authorization failed: no basic auth credentials",
        None,
    ),
    "by the name": (500, f"{RESOLVE}{BY_NAME}{NO_HOST}", Reason.RUNTIME_IGNORES_FILES),
    "another CA": (500, f"{RESOLVE}{BY_IP}{UNKNOWN_CA}", Reason.PULL_FAILED),
    "another address in the certificate": (
        500,
        f"{RESOLVE}{BY_IP}{TLS}x509: certificate is valid for 10.96.0.77, not 10.96.0.50",
        Reason.PULL_FAILED,
    ),
    "refused": (
        500,
        f"{RESOLVE}{BY_IP}dial tcp 10.96.0.50:443: connect: connection refused",
        Reason.PULL_FAILED,
    ),
    "dropped": (500, f"{RESOLVE}{BY_IP}dial tcp 10.96.0.50:443: i/o timeout", Reason.TIMEOUT),
    "503": (
        500,
        (
            f"unknown: {RESOLVE}unexpected status from HEAD request to https://10.96.0.50"
            f"{MANIFEST}?ns={HOST}: 503 Service Temporarily Unavailable"
        ),
        Reason.PULL_FAILED,
    ),
    "a realm on the very name": (
        500,
        (
            f"{RESOLVE}failed to authorize: failed to fetch anonymous token: "
            f'Get "https://{HOST}/token{SCOPE}": {NO_HOST}'
        ),
        Reason.PULL_FAILED,
    ),
    "a CA file without a CA": (
        500,
        f'{RESOLVE}unable to load CA cert "{CA_FILE}"',
        Reason.PULL_FAILED,
    ),
}

BY_THE_NAME_ALONE = {
    "absent": (
        404,
        f"manifest for {IMAGE} not found: manifest unknown: manifest unknown",
        None,
    ),
    "absent, with containerd's store before 28": (404, f"{RESOLVE}{IMAGE}: not found", None),
    "an unknown name with that store": (
        500,
        f"{RESOLVE}{BY_NAME}{NO_HOST}",
        Reason.CLASSIC_IMAGE_STORE,
    ),
    "another CA with that store": (500, f"{RESOLVE}{BY_NAME}{UNKNOWN_CA}", Reason.PULL_FAILED),
    "a password is wanted with that store": (
        500,
        f"{RESOLVE}{FORBIDDEN}authorization failed: no basic auth credentials",
        None,
    ),
    "pulled": (200, "", None),
    "a password is wanted": (
        500,
        f'Head "https://{HOST}{MANIFEST}": no basic auth credentials',
        None,
    ),
    "a name that the node does not know": (
        500,
        f'Get "https://{HOST}/v2/": {NO_HOST}',
        Reason.CLASSIC_IMAGE_STORE,
    ),
    "the same by a server": (
        500,
        f'Get "https://{HOST}/v2/": dial tcp: lookup {HOST} on 10.0.0.2:53: no such host',
        Reason.CLASSIC_IMAGE_STORE,
    ),
    "another CA": (500, f'Get "https://{HOST}/v2/": {UNKNOWN_CA}', Reason.PULL_FAILED),
    "another name in the certificate": (
        500,
        f'Get "https://{HOST}/v2/": {TLS}x509: certificate is valid for x.example, not {HOST}',
        Reason.PULL_FAILED,
    ),
    "refused": (
        500,
        f'Get "https://{HOST}/v2/": dial tcp 10.96.0.50:443: connect: connection refused',
        Reason.PULL_FAILED,
    ),
    "dropped": (
        500,
        f'Get "https://{HOST}/v2/": {DEAF} awaiting headers)',
        Reason.TIMEOUT,
    ),
    "503": (
        500,
        "received unexpected HTTP status: 503 Service Temporarily Unavailable",
        Reason.PULL_FAILED,
    ),
    "a realm on another name": (
        500,
        (
            f'Head "https://{HOST}{MANIFEST}": Get "https://tokens.registry.svc/token{SCOPE}": '
            "dial tcp: lookup tokens.registry.svc: no such host"
        ),
        Reason.PULL_FAILED,
    ),
}


@pytest.mark.parametrize(("status", "words", "reason"), BY_FILES.values(), ids=BY_FILES)
def test_with_containerds_store_our_file_is_told_from_the_name(status, words, reason):
    proof = judge_docker_pull(host=HOST, status=status, words=words, trust_only=False)
    assert proof.reason is reason
    assert words in proof.detail


@pytest.mark.parametrize(
    ("status", "words", "reason"), BY_THE_NAME_ALONE.values(), ids=BY_THE_NAME_ALONE
)
def test_with_the_classic_store_an_unknown_name_is_told_from_all_else(status, words, reason):
    proof = judge_docker_pull(host=HOST, status=status, words=words, trust_only=True)
    assert proof.reason is reason
    assert words in proof.detail


def test_a_host_with_a_port_is_looked_up_without_it():
    words = f'Get "https://{HOST}:5000/v2/": dial tcp: lookup {HOST} on 10.0.0.2:53: no such host'
    proof = judge_docker_pull(host=f"{HOST}:5000", status=500, words=words, trust_only=True)
    assert proof.reason is Reason.CLASSIC_IMAGE_STORE


def test_a_status_that_has_no_name_is_no_success():
    proof = judge_docker_pull(host=HOST, status=599, words="x", trust_only=False)
    assert proof.reason is Reason.PULL_FAILED
