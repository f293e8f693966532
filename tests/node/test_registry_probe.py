"""The probe, against real TLS servers: every way it can end has its own reason."""

import socket
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.errors import Reason
from agent.node.registry_probe import RegistryProbe
from agent.planning.evidence import ProbeResult, ProbeStep
from agent.planning.model import Endpoint, Route
from tests.ground.certificates import Authority, Certificate
from tests.node.same_name import ca_and_certificate
from tests.node.tls_server import dropping, serving, status

ALL = {ProbeStep.TCP, ProbeStep.TLS, ProbeStep.API}
TCP_ONLY = {ProbeStep.TCP}
TCP_AND_TLS = {ProbeStep.TCP, ProbeStep.TLS}
HOUR = timedelta(hours=1)
LOOPBACK = ["127.0.0.1"]


@pytest.fixture
def ca() -> Authority:
    return Authority.create()


@pytest.fixture
def host_root(tmp_path: Path) -> Path:
    root = tmp_path / "host"
    root.mkdir()
    return root


@pytest.fixture
def probe(host_root: Path) -> RegistryProbe:
    return RegistryProbe(host_root, threading.Event(), retry_after=lambda: 0)


def good(ca: Authority) -> Certificate:
    return ca.issue(ips=LOOPBACK)


def trust_on_node(host_root: Path, ca: Authority) -> None:
    bundle = host_root / "etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(ca.pem)


def verdict(result: ProbeResult) -> tuple[Reason | None, set[ProbeStep]]:
    return result.reason, set(result.reached)


def test_a_registry_with_its_address_in_the_certificate_works(ca, probe):
    with serving(certificate=good(ca)) as server:
        result = probe.probe(server.route(ca))
    assert result == ProbeResult(reached=frozenset(ALL))
    assert result.works


def test_it_asks_for_v2_by_address_in_its_own_name_and_sends_no_sni(ca, probe):
    with serving(certificate=good(ca)) as server:
        probe.probe(server.route(ca))
    lines = server.requests[0].split("\r\n")
    assert lines[0] == "GET /v2/ HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert "User-Agent: registry-node-agent" in lines
    assert server.server_names == [None]


def test_an_ipv6_endpoint_works_like_an_ipv4_one(ca, probe):
    certificate = ca.issue(ips=["::1"])
    with serving(certificate=certificate, address="::1") as server:
        assert probe.probe(server.route(ca)).works
    assert f"Host: [::1]:{server.port}" in server.requests[0]


def test_proxies_of_the_environment_are_not_used(ca, probe, monkeypatch):
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(certificate=good(ca)) as server:
        assert probe.probe(server.route(ca)).works


class TestConnecting:
    def test_a_closed_port_refuses(self, probe):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        result = probe.probe(route_to("127.0.0.1", port))
        assert verdict(result) == (Reason.CONNECTION_REFUSED, set())

    def test_dropped_packets_time_out(self, host_root):
        stop = threading.Event()
        probe = RegistryProbe(host_root, stop, connect_seconds=0.2, retry_after=lambda: 0)
        with dropping() as route:
            assert verdict(probe.probe(route)) == (Reason.TIMEOUT, set())

    def test_an_address_without_a_route_is_unreachable(self, probe):
        result = probe.probe(route_to("255.255.255.255", 443))
        assert verdict(result) == (Reason.UNREACHABLE, set())


class TestCertificates:
    def test_another_ca_is_an_unknown_authority(self, ca, probe):
        with serving(certificate=good(ca)) as server:
            result = probe.probe(server.route(Authority.create(name="another CA")))
        assert verdict(result) == (Reason.UNKNOWN_AUTHORITY, TCP_ONLY)
        assert result.strict_reason is Reason.UNKNOWN_AUTHORITY

    def test_a_ca_of_the_same_name_but_another_key_is_an_unknown_authority(self, ca, probe):
        with serving(certificate=good(ca)) as server:
            result = probe.probe(server.route(Authority.create()))
        assert verdict(result) == (Reason.UNKNOWN_AUTHORITY, TCP_ONLY)

    def test_a_self_signed_chain_is_an_unknown_authority(self, ca, probe):
        leaf = good(ca)
        with_root = replace(leaf, chain_pem=leaf.chain_pem + ca.pem)
        with serving(certificate=with_root) as server:
            result = probe.probe(server.route(Authority.create(name="another CA")))
        assert verdict(result) == (Reason.UNKNOWN_AUTHORITY, TCP_ONLY)

    def test_no_anchor_at_all_knows_no_authority(self, ca, probe):
        with serving(certificate=good(ca)) as server:
            assert probe.probe(server.route()).reason is Reason.UNKNOWN_AUTHORITY

    def test_an_unreadable_anchor_is_passed_over(self, ca, probe):
        with serving(certificate=good(ca)) as server:
            assert probe.probe(server.route(b"no DER", ca)).works

    def test_a_certificate_of_names_only_lacks_the_address_and_its_names_are_told(self, ca, probe):
        names = ["knative.registry.svc", "127.0.0.1"]  # an address as a DNS name never counts
        certificate = ca.issue(ips=["10.96.0.50"], dns=names)
        with serving(certificate=certificate) as server:
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.MISSING_IP_SAN, TCP_ONLY)
        assert result.detail == (
            "the certificate is not valid for 127.0.0.1; it names "
            "DNS:knative.registry.svc, DNS:127.0.0.1, IP Address:10.96.0.50"
        )

    def test_a_certificate_without_any_name_lacks_the_address(self, ca, probe):
        with serving(certificate=ca.issue()) as server:
            result = probe.probe(server.route(ca))
        assert result.reason is Reason.MISSING_IP_SAN
        assert result.detail.endswith("it names nothing at all")

    def test_names_that_the_server_does_not_tell_twice_are_passed_over(self, ca, probe):
        with serving(certificate=ca.issue()) as server:
            server.context.sni_callback = lambda *_: setattr(server, "context", None)
            result = probe.probe(server.route(ca))
        assert result.reason is Reason.MISSING_IP_SAN
        assert result.detail.endswith("it names others, which it did not tell when asked again")

    def test_a_fault_without_a_name_of_its_own_fails_tls_in_openssls_words(self, probe):
        limited = Authority.create(permitted_dns=["registry.svc"])
        with serving(certificate=limited.issue(ips=LOOPBACK, dns=["docker.io"])) as server:
            result = probe.probe(server.route(limited))
        assert verdict(result) == (Reason.TLS_FAILED, TCP_ONLY)
        assert result.detail == "certificate of 127.0.0.1: permitted subtree violation"

    def test_an_expired_certificate_is_expired(self, ca, probe):
        certificate = ca.issue(ips=LOOPBACK, not_after=datetime.now(UTC) - HOUR)
        with serving(certificate=certificate) as server:
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.CERTIFICATE_EXPIRED, TCP_ONLY)

    def test_a_certificate_of_tomorrow_is_not_yet_valid(self, ca, probe):
        certificate = ca.issue(ips=LOOPBACK, not_before=datetime.now(UTC) + HOUR)
        with serving(certificate=certificate) as server:
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.CERTIFICATE_NOT_YET_VALID, TCP_ONLY)

    def test_an_intermediate_alone_is_anchor_enough(self, ca, probe):
        between = ca.intermediate()
        with serving(certificate=good(between)) as server:
            assert probe.probe(server.route(between)).works

    def test_the_right_one_of_two_cas_with_one_name_is_found_in_any_order(self, probe):
        (first, certificate), (second, other) = (ca_and_certificate("127.0.0.1") for _ in range(2))
        for served in (certificate, other):
            with serving(certificate=served) as server:
                assert probe.probe(server.route(first, second)).works
                assert probe.probe(server.route(second, first)).works


class TestNodeRoots:
    def test_a_ca_that_only_the_node_trusts_decides_but_is_reported(self, ca, probe, host_root):
        trust_on_node(host_root, ca)
        with serving(certificate=good(ca)) as server:
            result = probe.probe(server.route(Authority.create(name="another CA")))
        assert result.works
        assert result.strict_reason is Reason.UNKNOWN_AUTHORITY

    def test_a_bundle_that_suffices_alone_has_no_strict_reason(self, ca, probe, host_root):
        trust_on_node(host_root, ca)
        with serving(certificate=good(ca)) as server:
            assert probe.probe(server.route(ca)).strict_reason is None


class TestTls:
    def test_plain_http_is_no_tls(self, probe):
        with serving(status("400 Bad Request")) as server:
            result = probe.probe(server.route())
        assert verdict(result) == (Reason.TLS_FAILED, TCP_ONLY)

    def test_a_server_that_hangs_up_is_no_tls(self, probe):
        with serving(lambda connection: connection.close()) as server:
            result = probe.probe(server.route())
        assert verdict(result) == (Reason.TLS_FAILED, TCP_ONLY)

    def test_a_server_that_wants_a_client_certificate_fails_tls(self, ca, probe):
        with serving(certificate=good(ca)) as server:
            server.context.verify_mode = ssl.CERT_REQUIRED
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.TLS_FAILED, TCP_ONLY)

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
    def test_tls_1_1_is_too_old(self, ca, probe):
        with serving(certificate=good(ca)) as server:
            server.context.set_ciphers("ALL:@SECLEVEL=0")
            server.context.maximum_version = ssl.TLSVersion.TLSv1_1
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.TLS_FAILED, TCP_ONLY)


class TestHttp:
    @pytest.mark.parametrize("line", ["500 Internal Server Error", "404 Not Found", "301 Moved"])
    def test_another_status_is_named(self, line, ca, probe):
        with serving(status(line), certificate=good(ca)) as server:
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.HTTP_ERROR, TCP_AND_TLS)
        assert result.detail.endswith(f"answers {line[:3]}")

    def test_words_that_are_no_http_are_an_error_of_http(self, ca, probe):
        with serving(b"SSH-2.0-OpenSSH_9.2\r\n", certificate=good(ca)) as server:
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.HTTP_ERROR, TCP_AND_TLS)

    def test_no_answer_is_an_error_of_http(self, ca, probe):
        with serving(b"", certificate=good(ca)) as server:
            result = probe.probe(server.route(ca))
        assert verdict(result) == (Reason.HTTP_ERROR, TCP_AND_TLS)

    def test_a_body_without_end_is_not_waited_for(self, ca, probe):
        endless = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n"
        with serving(endless, certificate=good(ca)) as server:
            assert probe.probe(server.route(ca)).works


def route_to(address: str, port: int) -> Route:
    return Route(endpoint=Endpoint(address=ip_address(address), port=port), ders=())
