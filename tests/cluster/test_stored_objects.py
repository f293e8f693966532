"""Secrets and ConfigMaps of the trust controller: the same in memory and on a real API server."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from agent.cluster.api_errors import ApiRefusedError, refused
from agent.cluster.connection import Kubeconfig
from agent.cluster.stored_objects import Objects
from agent.errors import BadInput, ChangedMeanwhile, ClusterTrouble, Reason
from agent.planning.stored_objects import MANAGED_BY, TLS, ConfigMapObject, SecretObject
from tests.cluster.fake_api import DOWN, FakeApi
from tests.cluster.kube_access import api_over
from tests.cluster.node_api import KINDS
from tests.ground.control_plane import ControlPlane

ROTATE = "registry-node-agent.internal/rotate"
PASSWORD = b"correct horse battery staple"


@dataclass(frozen=True, kw_only=True)
class Place:
    api: Any
    namespace: str
    objects: Objects = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objects", Objects(self.api))

    def path(self, kind: str, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def secret(self, **data: bytes) -> SecretObject:
        return SecretObject(namespace=self.namespace, name="push", data=data)

    def config_map(self, **data: str) -> ConfigMapObject:
        return ConfigMapObject(namespace=self.namespace, name="trust", data=data)


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "fake":
        yield Place(api=FakeApi(), namespace="registry")
        return
    plane: ControlPlane = request.getfixturevalue("control_plane")
    with api_over(Kubeconfig(plane.kubeconfig)) as api:
        yield Place(api=api, namespace=request.getfixturevalue("namespace"))


class TestSecret:
    def test_that_is_not_there_is_none(self, place: Place) -> None:
        assert place.objects.secret(place.namespace, "push") is None

    def test_is_made_as_ours_and_read_as_it_was_wanted(self, place: Place) -> None:
        wanted = replace(
            place.secret(**{"tls.crt": b"\x00\xff", "tls.key": PASSWORD}),
            type=TLS,
            annotations={ROTATE: "now"},
        )
        made = place.objects.put_secret(wanted, over=None)
        assert made.version
        assert made.is_ours
        assert made == place.objects.secret(place.namespace, "push")
        assert replace(made, labels={}, version="") == wanted

    def test_loses_the_keys_and_annotations_that_are_not_wanted_any_more(
        self, place: Place
    ) -> None:
        first = replace(place.secret(current=b"a", next=b"b"), annotations={ROTATE: "now"})
        found = place.objects.put_secret(first, over=None)
        now = place.objects.put_secret(place.secret(current=b"b"), over=found)
        assert now.data == {"current": b"b"}
        assert now.annotations == {}
        assert now == place.objects.secret(place.namespace, "push")

    def test_keeps_what_others_have_put_onto_it(self, place: Place) -> None:
        found = place.objects.put_secret(place.secret(current=b"a"), over=None)
        theirs = {"metadata": {"labels": {"example.com/a": "b"}, "annotations": {"c": "d"}}}
        place.api.patch(place.path("secrets", "push"), theirs)
        found = place.objects.secret(place.namespace, "push")
        now = place.objects.put_secret(place.secret(current=b"b"), over=found)
        assert now.labels["example.com/a"] == "b"
        assert now.annotations == {"c": "d"}

    def test_that_changed_since_it_was_seen_is_not_written(self, place: Place) -> None:
        found = place.objects.put_secret(place.secret(current=b"a"), over=None)
        place.objects.put_secret(place.secret(current=b"b"), over=found)
        with pytest.raises(ChangedMeanwhile):
            place.objects.put_secret(place.secret(current=b"c"), over=found)
        kept = place.objects.secret(place.namespace, "push")
        assert kept is not None
        assert kept.data == {"current": b"b"}

    def test_that_another_has_just_made_is_not_written(self, place: Place) -> None:
        place.objects.put_secret(place.secret(current=b"a"), over=None)
        with pytest.raises(ChangedMeanwhile):
            place.objects.put_secret(place.secret(current=b"b"), over=None)

    def test_that_is_gone_meanwhile_is_looked_at_again(self, place: Place) -> None:
        gone = replace(place.secret(), labels={MANAGED_BY: "registry-node-agent"}, version="1")
        with pytest.raises(ChangedMeanwhile):
            place.objects.put_secret(place.secret(current=b"b"), over=gone)

    def test_of_somebody_else_is_refused_before_anything_is_sent(self, place: Place) -> None:
        theirs = {"metadata": {"name": "push"}, "data": {"a": b64encode(b"b").decode()}}
        place.api.create(place.path("secrets"), theirs)
        found = place.objects.secret(place.namespace, "push")
        assert found is not None
        assert not found.is_ours
        with pytest.raises(BadInput) as refusal:
            place.objects.put_secret(place.secret(current=b"b"), over=found)
        assert refusal.value.problem.reason is Reason.NAME_TAKEN
        assert str(refusal.value).startswith(f"name-taken: Secret {place.namespace}/push: ")
        assert place.objects.secret(place.namespace, "push") == found

    def test_of_openshifts_service_ca_is_refused_with_the_way_out(self) -> None:
        place = Place(api=FakeApi(), namespace="registry")
        theirs = replace(
            place.secret(), annotations={"service.beta.openshift.io/originating-service-name": "a"}
        )
        with pytest.raises(BadInput, match=r"^certificate-without-address: .*serving-cert-secret"):
            place.objects.put_secret(place.secret(), over=theirs)


class TestConfigMap:
    def test_that_is_not_there_is_none(self, place: Place) -> None:
        assert place.objects.config_map(place.namespace, "trust") is None

    def test_is_made_as_ours_and_read_as_it_was_wanted(self, place: Place) -> None:
        wanted = place.config_map(**{"ca.crt": "pem", "revoked": ""})
        made = place.objects.put_config_map(wanted, over=None)
        assert made == place.objects.config_map(place.namespace, "trust")
        assert replace(made, labels={}, version="") == wanted

    def test_is_repaired_to_the_byte(self, place: Place) -> None:
        wanted = place.config_map(**{"ca.crt": "pem"})
        place.objects.put_config_map(wanted, over=None)
        edit = {"data": {"ca.crt": "else", "more": "x"}, "binaryData": {"odd": "/w=="}}
        place.api.patch(place.path("configmaps", "trust"), edit)
        found = place.objects.config_map(place.namespace, "trust")
        assert found is not None
        assert found.has_binary
        now = place.objects.put_config_map(wanted, over=found)
        assert now.data == {"ca.crt": "pem"}
        assert not now.has_binary

    def test_that_changed_since_it_was_seen_is_not_written(self, place: Place) -> None:
        found = place.objects.put_config_map(place.config_map(a="1"), over=None)
        place.objects.put_config_map(place.config_map(a="2"), over=found)
        with pytest.raises(ChangedMeanwhile):
            place.objects.put_config_map(place.config_map(a="3"), over=found)

    def test_that_lost_our_label_is_not_taken_back(self, place: Place) -> None:
        place.objects.put_config_map(place.config_map(a="1"), over=None)
        edit = {"metadata": {"labels": {MANAGED_BY: None}}}
        place.api.patch(place.path("configmaps", "trust"), edit)
        found = place.objects.config_map(place.namespace, "trust")
        with pytest.raises(BadInput, match="name-taken"):
            place.objects.put_config_map(place.config_map(a="2"), over=found)


class TestWords:
    """Nothing that an error says, or that is printed, has a secret in it."""

    def test_a_secret_is_shown_without_what_it_holds(self) -> None:
        held = replace(
            Place(api=None, namespace="a").secret(current=PASSWORD),
            annotations={"kubectl.kubernetes.io/last-applied-configuration": PASSWORD.decode()},
        )
        assert "horse" not in repr(held) + str(held)

    @pytest.mark.parametrize(
        "said",
        [PASSWORD.decode(), b64encode(PASSWORD).decode(), "-----BEGIN PRIVATE KEY-----\nTWFu"],
        ids=["plain", "base64", "pem"],
    )
    def test_a_refusal_does_not_repeat_it(self, said: str) -> None:
        api = FakeApi()
        status = {"code": 422, "reason": "Invalid", "message": f"data: {said}: is not allowed"}
        api.failing["/api"] = refused(status)
        wanted = Place(api=api, namespace="a").secret(current=b"first\n" + PASSWORD, key=PASSWORD)
        with pytest.raises(ClusterTrouble) as trouble:
            Objects(api).put_secret(wanted, over=None)
        cause = trouble.value.__cause__
        assert isinstance(cause, ApiRefusedError)
        assert cause.__cause__ is None
        assert said not in str(trouble.value) + str(cause)
        assert "422 Invalid: data: [redacted]" in str(trouble.value)

    def test_a_server_out_of_reach_is_told_as_that(self) -> None:
        api = FakeApi(failing={"/api": DOWN})
        with pytest.raises(ClusterTrouble) as trouble:
            Objects(api).secret("a", "b")
        assert trouble.value.problem.reason is Reason.API_UNREACHABLE
