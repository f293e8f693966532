"""The three forms of --trust-bundle, and clear words for anything else; the same for --listen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.planning.listen_address import ListenAddress, parse_listen_address
from agent.planning.trust_reference import (
    ClusterTrustBundleReference,
    ConfigMapReference,
    FileReference,
    TrustReference,
    parse_trust_reference,
)


@pytest.mark.parametrize(
    "expected",
    [
        ConfigMapReference(text="configmap:a/b", namespace="a", name="b", key="ca.crt"),
        ConfigMapReference(text="configmap:a/b.c:d_E", namespace="a", name="b.c", key="d_E"),
        ClusterTrustBundleReference(text="clustertrustbundle:plain", name="plain"),
        ClusterTrustBundleReference(
            text="clustertrustbundle:kreg.example:serving:v1", name="kreg.example:serving:v1"
        ),
        FileReference(text="file:/etc/ca:1.crt", path="/etc/ca:1.crt"),
        FileReference(text="file:ca.crt", path="ca.crt"),
    ],
)
def test_a_reference_is_read(expected: TrustReference) -> None:
    assert parse_trust_reference(expected.text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ca.crt",
        "secret:a/b",
        "configmap:",
        "configmap:b",
        "configmap:a/",
        "configmap:a/b:",
        "configmap:a/b/c",
        "configmap:a/b:k/e",
        "configmap:a.b/c",
        "configmap:../etc",
        "configmap:A/b",
        "configmap:a/b\n",
        "clustertrustbundle:",
        "clustertrustbundle:a/b",
        "clustertrustbundle::a",
        "file:",
        "file:a\0b",
    ],
)
def test_a_bad_reference_is_refused_with_itself_in_the_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not|begins with none") as refused:
        parse_trust_reference(text)

    assert repr(text) in str(refused.value)


@given(
    st.text() | st.text().map("configmap:".__add__) | st.text().map("clustertrustbundle:".__add__)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert parse_trust_reference(text).text == text
    except ValueError as refused:
        assert repr(text) in str(refused)  # noqa: PT017 - most texts are refused, some are not


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9808", "127.0.0.1", 9808),
        ("[::1]:9808", "::1", 9808),
        ("[fe80::1%eth0]:0", "fe80::1%eth0", 0),
        ("localhost:65535", "localhost", 65535),
    ],
)
def test_a_listen_address_is_read_and_written_back(text: str, host: str, port: int) -> None:
    assert parse_listen_address(text) == ListenAddress(host=host, port=port)
    assert str(parse_listen_address(text)) == text


@pytest.mark.parametrize(
    "text", ["", "9808", ":9808", "::1:9808", "host:", "host:65536", "host:x", "[::1]", "a b:1"]
)
def test_a_bad_listen_address_is_refused_with_itself_in_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT") as refused:
        parse_listen_address(text)

    assert repr(text) in str(refused.value)
