"""Which port and addresses of a Service a node may pull from, rule by rule."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput, Reason
from agent.planning.model import RegistryName, ServiceObject, ServicePort
from agent.planning.service_rules import judge_service
from tests.worlds import KNATIVE, service


def port(number: int, name: str = "", app: str = "", protocol: str = "TCP") -> ServicePort:
    return ServicePort(number=number, name=name, app_protocol=app, protocol=protocol)


def with_ports(*ports: ServicePort) -> ServiceObject:
    return replace(service(), ports=ports)


def reason_of(item: ServiceObject) -> Reason:
    with pytest.raises(BadInput) as refused:
        judge_service(item, domain="cluster.local")
    problem = refused.value.problem
    assert (problem.where, problem.registry) == (f"Service {item.registry}", str(item.registry))
    return problem.reason


def port_of(*ports: ServicePort) -> int:
    return judge_service(with_ports(*ports), domain="cluster.local").port


CHOSEN = {
    "appProtocol https wins over the name https": (
        [port(1, "https"), port(2, app="https")],
        2,
    ),
    "appProtocol is compared without regard to case": ([port(1), port(2, app="HTTPS")], 2),
    "the name https wins over the number 443": ([port(443, "a"), port(2, "https")], 2),
    "the number 443 wins over a name https-something": ([port(443, "a"), port(2, "https-b")], 443),
    "the only name https-something wins": ([port(1, "metrics"), port(2, "https-registry")], 2),
    "the only port wins": ([port(5000, "registry")], 5000),
    "the only port wins without a name": ([port(5000)], 5000),
    "the only TCP port wins beside UDP": ([port(53, "https", protocol="UDP"), port(5000)], 5000),
    "port 80 is taken when it says https itself": ([port(80, "http", "https")], 80),
    "two of appProtocol https leave it to the name": (
        [port(1, "https", "https"), port(2, "b", "https")],
        1,
    ),
}


@pytest.mark.parametrize("sentence", CHOSEN)
def test_the_port_is_chosen_in_order(sentence: str) -> None:
    ports, expected = CHOSEN[sentence]
    assert port_of(*ports) == expected


REFUSED_PORTS = {
    "no port at all": ([], Reason.NO_PORT),
    "no TCP port": ([port(5000, protocol="UDP")], Reason.NO_PORT),
    "port 0": ([port(0)], Reason.NO_PORT),
    "a port beyond 65535": ([port(65536)], Reason.NO_PORT),
    "the only port is 80": ([port(80)], Reason.PLAIN_HTTP_PORT),
    "the only port is named http": ([port(5000, "http")], Reason.PLAIN_HTTP_PORT),
    "the only port is named http-registry": ([port(5000, "http-registry")], Reason.PLAIN_HTTP_PORT),
    "the only port speaks appProtocol http": ([port(5000, app="http")], Reason.PLAIN_HTTP_PORT),
    "two ports of which none stands out": ([port(1), port(2, "b")], Reason.AMBIGUOUS_PORT),
    "two names https-something": ([port(1, "https-a"), port(2, "https-b")], Reason.AMBIGUOUS_PORT),
    "two of appProtocol https and nothing else": (
        [port(1, "a", "https"), port(2, "b", "https")],
        Reason.AMBIGUOUS_PORT,
    ),
}


@pytest.mark.parametrize("sentence", REFUSED_PORTS)
def test_a_service_that_leaves_its_port_open_is_refused(sentence: str) -> None:
    ports, reason = REFUSED_PORTS[sentence]
    assert reason_of(with_ports(*ports)) is reason


REFUSED_ADDRESSES = {
    "none assigned yet": ((), Reason.NO_CLUSTER_IP),
    "an empty one": (("",), Reason.NO_CLUSTER_IP),
    "None, that is headless": (("None",), Reason.HEADLESS),
    "not an address": (("10.96.0",), Reason.BAD_ADDRESS),
    "a name": (("registry.example.com",), Reason.BAD_ADDRESS),
    "an address with a port": (("10.96.0.50:443",), Reason.BAD_ADDRESS),
    "loopback": (("127.0.0.1",), Reason.BAD_ADDRESS),
    "IPv6 loopback": (("::1",), Reason.BAD_ADDRESS),
    "the cloud's metadata service": (("169.254.169.254",), Reason.BAD_ADDRESS),
    "IPv6 link-local": (("fe80::1",), Reason.BAD_ADDRESS),
    "an address with a zone": (("fd00::1%eth0",), Reason.BAD_ADDRESS),
    "multicast": (("224.0.0.1",), Reason.BAD_ADDRESS),
    "unspecified": (("0.0.0.0",), Reason.BAD_ADDRESS),  # noqa: S104 - nothing is bound
    "IPv6 unspecified": (("::",), Reason.BAD_ADDRESS),
    "IPv4 loopback written as IPv6": (("::ffff:127.0.0.1",), Reason.BAD_ADDRESS),
    "a good one beside a bad one": (("10.96.0.50", "::1"), Reason.BAD_ADDRESS),
}


@pytest.mark.parametrize("sentence", REFUSED_ADDRESSES)
def test_an_address_no_node_may_be_sent_to_is_refused(sentence: str) -> None:
    addresses, reason = REFUSED_ADDRESSES[sentence]
    assert reason_of(replace(service(), cluster_ips=addresses)) is reason


def test_an_external_name_is_refused() -> None:
    assert reason_of(replace(service(), type="ExternalName")) is Reason.EXTERNAL_NAME


def test_both_addresses_of_a_dual_stack_service_are_kept_in_order() -> None:
    good = judge_service(service("fd00::50", "10.96.0.50"), domain="cluster.local")
    assert good.addresses == (ip_address("fd00::50"), ip_address("10.96.0.50"))


def test_a_name_that_makes_no_hostname_is_refused() -> None:
    item = replace(service(), registry=RegistryName(namespace="registry", name="../etc"))
    assert reason_of(item) is Reason.BAD_NAME


def test_a_good_service_keeps_its_name() -> None:
    assert judge_service(service(), domain="cluster.local").registry == KNATIVE


@given(
    st.lists(
        st.builds(
            port,
            st.integers(min_value=-1, max_value=70000),
            st.sampled_from(["", "https", "http", "https-a", "metrics"]),
            st.sampled_from(["", "https", "http", "grpc"]),
            st.sampled_from(["TCP", "UDP", "SCTP"]),
        ),
        max_size=4,
    )
)
def test_any_ports_give_one_of_them_or_a_reason(ports: list[ServicePort]) -> None:
    try:
        chosen = port_of(*ports)
    except BadInput:
        return
    assert chosen in {item.number for item in ports if item.protocol == "TCP"}
    assert 0 < chosen <= 65535
