"""Passwords to push with: who gets them, what is accepted, and how they are replaced."""

import base64
import hashlib
import json

import pytest

from agent.errors import Reason
from agent.issuer.push_passwords import PushPasswords
from agent.planning.stored_objects import SecretObject
from agent.planning.trust_sources import PUSH_LABEL
from tests.issuer.trust_cluster import LIFETIMES, TrustCluster

HOSTS = {
    f"knative.registry.svc{domain}{port}"
    for domain in ("", ".cluster.local")
    for port in ("", ":443")
}


@pytest.fixture
def cluster() -> TrustCluster:
    made = TrustCluster(labelled={PUSH_LABEL: ("builds",)})
    made.serve("knative", "10.96.0.50")
    duty = PushPasswords(objects=made, sources=made, lifetimes=LIFETIMES, domain="cluster.local")
    made.duties = (duty,)
    return made


def given(cluster: TrustCluster, namespace: str = "builds") -> dict[str, str]:
    """What builders there push with, by host."""
    config = json.loads(cluster.secrets[namespace, "registry-push"].data[".dockerconfigjson"])
    return {
        host: base64.b64decode(entry["auth"]).decode() for host, entry in config["auths"].items()
    }


def accepts(cluster: TrustCluster, pair: str) -> bool:
    """Whether the registry takes it, as nginx judges an {SSHA} line."""
    name, password = pair.split(":")
    lines = cluster.secrets["registry", "registry-push"].data["htpasswd"].decode().splitlines()
    hashes = dict(line.split(":{SSHA}") for line in lines)
    raw = base64.b64decode(hashes.get(name, ""))
    return raw != b"" and hashlib.sha1(password.encode() + raw[20:]).digest() == raw[:20]  # noqa: S324


def settle(cluster: TrustCluster) -> list[Reason]:
    return [problem.reason for problem in cluster.controller().settle().problems]


def test_builders_get_a_password_that_the_registry_accepts(cluster: TrustCluster) -> None:
    assert settle(cluster) == []
    assert given(cluster).keys() == HOSTS
    [pair] = set(given(cluster).values())
    assert accepts(cluster, pair)
    assert not accepts(cluster, pair + "x")


def test_a_second_look_writes_nothing(cluster: TrustCluster) -> None:
    settle(cluster)
    writes = cluster.writes
    settle(cluster)
    assert cluster.writes == writes


def test_builders_beside_the_registry_push_with_what_it_accepts(cluster: TrustCluster) -> None:
    cluster.labelled = {PUSH_LABEL: ("builds", "registry")}
    assert settle(cluster) == []
    [pair] = set(given(cluster, "registry").values())
    assert accepts(cluster, pair)
    writes = cluster.writes
    settle(cluster)
    assert cluster.writes == writes


def test_what_a_builder_has_is_accepted_at_every_moment_of_a_rotation(
    cluster: TrustCluster,
) -> None:
    settle(cluster)
    seen = set()
    before = given(cluster)
    for _ in range(200):
        cluster.pass_time(minutes=15)
        settle(cluster)
        for config in (before, given(cluster)):  # one builder reads late
            [pair] = set(config.values())
            assert accepts(cluster, pair)
            seen.add(pair)
        before = given(cluster)
    assert len(seen) > 1


def test_an_old_password_is_refused_in_the_end(cluster: TrustCluster) -> None:
    settle(cluster)
    [old] = set(given(cluster).values())
    for _ in range(30):
        cluster.pass_time(hours=1)
        settle(cluster)
    assert not accepts(cluster, old)


@pytest.mark.parametrize("namespace", ["registry", "builds"])
def test_a_secret_of_somebody_else_is_left_alone(cluster: TrustCluster, namespace: str) -> None:
    mine = SecretObject(namespace=namespace, name="registry-push", data={"mine": b"1"})
    cluster.secrets[namespace, "registry-push"] = mine
    assert settle(cluster) == [Reason.NAME_TAKEN]
    assert cluster.secrets[namespace, "registry-push"] is mine
    assert len(cluster.secrets) == 5


def test_no_password_is_shown(cluster: TrustCluster) -> None:
    settle(cluster)
    [pair] = set(given(cluster).values())
    assert pair.partition(":")[2] not in repr(cluster.secrets)
