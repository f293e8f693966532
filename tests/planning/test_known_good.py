"""The last view that could be used comes back from the disk as it went, or not at all."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planning.known_good import GoodService, KnownGood, decode, encode, remember
from agent.planning.model import RegistryName, Route
from tests.worlds import KNATIVE, NEW_IP, route

GOOD = KnownGood(
    services={
        KNATIVE: GoodService(
            registry=KNATIVE,
            addresses=(ip_address("fd00::50"), ip_address("10.96.0.50")),
            port=5000,
        )
    },
    bundles={"configmap:a/b": "-----BEGIN"},
    proven={KNATIVE: route()},
)
labels = st.from_regex(r"[a-z]{1,5}", fullmatch=True)
names = st.builds(RegistryName, namespace=labels, name=labels)
services = st.builds(
    GoodService,
    registry=names,
    addresses=st.lists(st.ip_addresses(), max_size=2).map(tuple),
    port=st.integers(1, 65535),
)


proven = st.dictionaries(names, st.sampled_from([route(), route(NEW_IP, 1, 2, port=443)]))


@given(st.lists(services, max_size=3), st.dictionaries(labels, st.text(), max_size=2), proven)
def test_it_comes_back_from_json_as_it_went(
    items: list[GoodService], bundles: dict[str, str], proven: dict[RegistryName, Route]
) -> None:
    known_good = KnownGood(
        services={item.registry: item for item in items}, bundles=bundles, proven=proven
    )
    assert decode(encode(known_good)) == known_good


def test_a_route_that_works_is_remembered_of_registries_that_are_asked_for() -> None:
    stranger = RegistryName(namespace="registry", name="stranger")
    moved = route(NEW_IP)
    remembered = remember(GOOD, {KNATIVE: moved, stranger: moved})
    assert remembered == replace(GOOD, proven={KNATIVE: moved})
    assert remember(GOOD, {}) == GOOD


def test_what_another_version_wrote_is_not_used() -> None:
    assert decode(encode(GOOD).replace('"schema": 1', '"schema": 2')) == KnownGood()


BROKEN = {
    "nothing": "",
    "no JSON": "{",
    "a list": "[]",
    "a text": '"view"',
    "no schema": "{}",
    "no services": '{"schema": 1}',
    "an address that is none": encode(GOOD).replace("fd00::50", "fd00::xx"),
    "a port that is none": encode(GOOD).replace("5000", '"https"'),
    "a port without end": encode(GOOD).replace("5000", "1e999"),
    "a route without trust": encode(GOOD).replace("CERTIFICATE", "NONE"),
    "no proven routes": '{"schema": 1, "services": [], "bundles": {}}',
    "bundles that are a list": '{"schema": 1, "services": [], "bundles": []}',
    "nesting without end": "[" * 100_000,
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_what_is_no_view_is_refused(sentence: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the kind is the contract
        decode(BROKEN[sentence])
