"""What each answer proves, in the verbatim words of containerd, collected on real nodes.

1.6 is 1.6.20~ds1-1+deb12u3, 1.7 is 1.7.24~ds1-6+deb13u1, 2.x is 2.1.9, 2.2.9 and 2.3.5, whose
words are the same.
"""

import pytest

from agent.errors import Reason
from agent.node.pull_verdict import judge_pull

HOST = "knative.registry.svc.cluster.local"
IMAGE = f"{HOST}/registry-node-agent/absent:absent"
RESOLVE_1 = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '
RESOLVE_2 = f'failed to pull and unpack image "{IMAGE}": failed to resolve image: '
MANIFEST = "/v2/registry-node-agent/absent/manifests/absent"
BY_IP_1 = f'failed to do request: Head "https://10.96.0.50{MANIFEST}?ns={HOST}": '
BY_IP_2 = f'failed to do request: Head "https://10.96.0.50{MANIFEST}?ns=%5BREDACTED%5D": '
BY_NAME = f'failed to do request: Head "https://{HOST}{MANIFEST}": '
FETCH = "failed to authorize: failed to fetch anonymous token: "
SCOPE_1 = "?scope=repository%3Aregistry-node-agent%2Fabsent%3Apull&service=ground"
SCOPE_2 = "?scope=%5BREDACTED%5D&service=%5BREDACTED%5D"
STATUS = f"unexpected status from HEAD request to https://10.96.0.50{MANIFEST}?ns={HOST}: "
STATUS_16 = "pulling from host 10.96.0.50 failed with status code [manifests absent]: "
NO_HOST = f"dial tcp: lookup {HOST}: no such host"
NO_SAN = "x509: cannot validate certificate for 10.96.0.50 because it doesn't contain any IP SANs"

EFFECTIVE = {
    "the tag is absent, 1.x": ("NOT_FOUND", f"{RESOLVE_1}{IMAGE}: not found"),
    "the tag is absent, 2.x": ("NOT_FOUND", f"{RESOLVE_2}{IMAGE}: not found"),
    "401 without a challenge, 1.6": ("UNKNOWN", f"{RESOLVE_1}{STATUS_16}401 Unauthorized"),
    "403, 1.6": ("UNKNOWN", f"{RESOLVE_1}{STATUS_16}403 Forbidden"),
    "403, 1.7": ("UNKNOWN", f"{RESOLVE_1}{STATUS}403 Forbidden"),
    "403, 2.x": ("UNKNOWN", f"{RESOLVE_2}{STATUS}403 Forbidden"),
    "the token has no right to it": (
        "UNKNOWN",
        (
            f"{RESOLVE_1}pull access denied, repository does not exist or may require "
            "authorization: server message: insufficient_scope: authorization failed"
        ),
    ),
    "somebody made the tag": ("OK", ""),
}

IGNORED = {
    "no such host, 1.x": ("UNKNOWN", f"{RESOLVE_1}{BY_NAME}{NO_HOST}"),
    "no such host, 2.x": ("UNKNOWN", f"{RESOLVE_2}{BY_NAME}{NO_HOST}"),
    "a name server that refuses": (
        "UNKNOWN",
        f"{RESOLVE_1}{BY_NAME}dial tcp: lookup {HOST} on 10.0.0.2:53: server misbehaving",
    ),
    "a name server that is silent, 2.x": (
        "DEADLINE_EXCEEDED",
        f"{RESOLVE_2}{BY_NAME}dial tcp: lookup {HOST} on 10.0.0.2:53: read udp: i/o timeout",
    ),
    "a name without addresses, 1.6": (
        "UNKNOWN",
        f"{RESOLVE_1}{BY_NAME}dial tcp: address {HOST}: no suitable address found",
    ),
    "a name that somebody else answers to": (
        "UNKNOWN",
        (
            f"{RESOLVE_2}{BY_NAME}tls: failed to verify certificate: x509: certificate is valid "
            f"for *.example.com, not {HOST}"
        ),
    ),
    "a name that somebody else forbids": (
        "UNKNOWN",
        (
            f"{RESOLVE_2}unexpected status from HEAD request to https://{HOST}{MANIFEST}: "
            "403 Forbidden"
        ),
    ),
}

FAILED = {
    "no IP SAN, 1.6": f"{RESOLVE_1}{BY_IP_1}{NO_SAN}",
    "no IP SAN, 1.7": f"{RESOLVE_1}{BY_IP_1}tls: failed to verify certificate: {NO_SAN}",
    "no IP SAN, 2.x": f"{RESOLVE_2}{BY_IP_2}tls: failed to verify certificate: {NO_SAN}",
    "unknown CA, 1.6": f"{RESOLVE_1}{BY_IP_1}x509: certificate signed by unknown authority",
    "expired, 2.x": f"{RESOLVE_2}{BY_IP_2}tls: failed to verify certificate: x509: certificate "
    "has expired or is not yet valid: current time 2026-11-23T22:05:37Z is after "
    "2026-11-23T21:05:34Z",
    "refused, 1.x": f"{RESOLVE_1}{BY_IP_1}dial tcp 10.96.0.50:443: connect: connection refused",
    "no route, 2.x": f"{RESOLVE_2}{BY_IP_2}dial tcp 10.96.0.50:443: connect: network is "
    "unreachable",
    "500, 1.6": f"{RESOLVE_1}{STATUS_16}500 Internal Server Error",
    "500, 1.7": f"{RESOLVE_1}{STATUS}500 Internal Server Error",
    "503, 2.x": f"{RESOLVE_2}{STATUS}503 Service Temporarily Unavailable",
    "a realm on another name, 1.7": f'{RESOLVE_1}{FETCH}Get "https://auth.registry.svc/token'
    f'{SCOPE_1}": dial tcp: lookup auth.registry.svc: no such host',
    "a realm on another name, 1.6": f'{RESOLVE_1}{FETCH}Get "https://auth.registry.svc/token'
    f'{SCOPE_1}": dial tcp: address auth.registry.svc: no suitable address found',
    "a realm on the very name, 1.x": f'{RESOLVE_1}{FETCH}Get "https://{HOST}/token{SCOPE_1}": '
    f"{NO_HOST}",
    "a realm on the very name, 2.x": f'{RESOLVE_2}{FETCH}Get "https://{HOST}/token{SCOPE_2}": '
    f"{NO_HOST}",
}

OTHERS = {
    "dropped packets, 2.x": (
        "DEADLINE_EXCEEDED",
        f"{RESOLVE_2}{BY_IP_2}dial tcp 10.96.0.50:443: i/o timeout",
        Reason.TIMEOUT,
    ),
    "dropped packets, 1.x": (
        "DEADLINE_EXCEEDED",
        "Stream removed (Deadline Exceeded)",
        Reason.TIMEOUT,
    ),
    "a slow TLS handshake": (
        "UNKNOWN",
        f"{RESOLVE_1}{BY_IP_1}net/http: TLS handshake timeout",
        Reason.TIMEOUT,
    ),
    "a runtime that is stopped": (
        "UNAVAILABLE",
        (
            "failed to connect to all addresses; last error: FAILED_PRECONDITION: "
            "unix:containerd.sock: connect failed: addr: unix:containerd.sock error: No such file "
            "or directory"
        ),
        Reason.RUNTIME_UNREACHABLE,
    ),
    "a runtime that starts": (
        "UNAVAILABLE",
        "server is not initialized yet",
        Reason.RUNTIME_UNREACHABLE,
    ),
    "a runtime whose CRI plugin did not load": (
        "UNIMPLEMENTED",
        "unknown service runtime.v1.ImageService",
        Reason.RUNTIME_UNREACHABLE,
    ),
    "a runtime that hangs": (
        "SILENT",
        "it did not tell its version within 5 s: Deadline Exceeded",
        Reason.RUNTIME_TIMEOUT,
    ),
    "not found, but nothing was asked": (
        "NOT_FOUND",
        f'{RESOLVE_1}failed to resolve reference "{IMAGE}": no resolve hosts: not found',
        Reason.PULL_FAILED,
    ),
}


@pytest.mark.parametrize(("code", "words"), EFFECTIVE.values(), ids=EFFECTIVE)
def test_an_answer_of_the_registry_proves_the_file_effective(code, words):
    assert judge_pull(host=HOST, code=code, words=words).effective


@pytest.mark.parametrize(("code", "words"), IGNORED.values(), ids=IGNORED)
def test_asking_for_the_name_itself_proves_the_file_ignored(code, words):
    proof = judge_pull(host=HOST, code=code, words=words)
    assert proof.reason is Reason.RUNTIME_IGNORES_FILES
    assert words in proof.detail


@pytest.mark.parametrize("words", FAILED.values(), ids=FAILED)
def test_any_other_failure_is_told_in_the_runtimes_words(words):
    proof = judge_pull(host=HOST, code="UNKNOWN", words=words)
    assert proof.reason is Reason.PULL_FAILED
    assert proof.detail == words


@pytest.mark.parametrize(("code", "words", "reason"), OTHERS.values(), ids=OTHERS)
def test_a_runtime_that_cannot_tell_proves_nothing(code, words, reason):
    assert judge_pull(host=HOST, code=code, words=words).reason is reason


def test_a_host_with_a_port_is_looked_up_without_it():
    words = f'Head "https://{HOST}:5000/v2/": dial tcp: lookup {HOST} on 10.0.0.2:53: no such host'
    proof = judge_pull(host=f"{HOST}:5000", code="UNKNOWN", words=words)
    assert proof.reason is Reason.RUNTIME_IGNORES_FILES


def test_a_longer_name_is_not_the_hosts_own():
    words = f"lookup {HOST}.example.com: no such host"
    assert judge_pull(host=HOST, code="UNKNOWN", words=words).reason is Reason.PULL_FAILED


def test_an_answer_without_words_is_told_by_its_code():
    assert judge_pull(host=HOST, code="INTERNAL", words="").detail == "INTERNAL"
