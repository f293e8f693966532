"""The hosts.toml that we write, byte for byte, and what we make of one that others wrote."""

import tomllib
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
import toml
from hypothesis import given
from hypothesis import strategies as st

from agent.planning import containerd_hosts
from agent.planning.containerd_hosts import parse_hosts_file, render_hosts_file
from agent.planning.model import Endpoint

GOLDEN = Path(__file__).parent.parent / "golden" / "containerd"

endpoints = st.builds(
    Endpoint,
    address=st.ip_addresses(v=4) | st.ip_addresses(v=6),
    port=st.integers(min_value=1, max_value=65535),
)
OURS = render_hosts_file(Endpoint(address=ip_address("10.96.0.50"), port=5000)).decode()


@pytest.mark.parametrize(
    ("name", "address", "port"),
    [
        ("hosts-ipv4", IPv4Address("10.96.0.50"), 443),
        ("hosts-ipv4-port", IPv4Address("10.96.0.50"), 5000),
        ("hosts-ipv6", IPv6Address("fd00:10:96::50"), 443),
        ("hosts-ipv6-port", IPv6Address("fd00:10:96::50"), 5000),
    ],
)
def test_the_file_is_exactly_the_one_that_was_proven(name, address, port):
    expected = (GOLDEN / f"{name}.toml").read_bytes()

    assert expected == render_hosts_file(Endpoint(address=address, port=port))


@given(endpoints)
def test_every_endpoint_is_read_back_by_both_readers_and_by_us(endpoint):
    content = render_hosts_file(endpoint)

    assert parse_hosts_file(content) == endpoint
    assert tomllib.loads(content.decode()) == toml.loads(content.decode())


def test_a_file_that_would_not_read_back_is_a_bug(monkeypatch):
    monkeypatch.setattr(containerd_hosts, "CA_FILE", 'ca"\nx = "crt')
    render_hosts_file.cache_clear()

    with pytest.raises(ValueError, match="does not read back"):
        render_hosts_file(Endpoint(address=ip_address("10.96.0.50"), port=443))


@pytest.mark.parametrize(
    "edited",
    {
        "no header": OURS.partition("\n")[2],
        "another time to wait": OURS.replace('"3s"', '"500ms"'),
        "no time to wait": OURS.replace('dial_timeout = "3s"\n', ""),
        "one CA file in a list": OURS.replace('"ca.crt"', '["ca.crt"]'),
        "capabilities in capitals": OURS.replace('"pull", "resolve"', '"PULL", "Resolve", "push"'),
        "a slash at the end": OURS.replace(':5000"', ':5000/"'),
        "lines that end as on Windows": OURS.replace("\n", "\r\n"),
    }.items(),
    ids=lambda item: item[0],
)
def test_an_edited_file_that_still_means_the_same_is_understood(edited):
    expected = Endpoint(address=ip_address("10.96.0.50"), port=5000)

    assert expected == parse_hosts_file(edited[1].encode())


@pytest.mark.parametrize(
    "foreign",
    {
        "empty": b"",
        "no TOML": b"server = ",
        "not UTF-8": b'server = "\xff"',
        "verification turned off": f"skip_verify = true\n{OURS}".encode(),
        "a client certificate": f'client = "c.pem"\n{OURS}'.encode(),
        "another path": f"override_path = true\n{OURS}".encode(),
        "a host table": f'{OURS}\n[host."https://10.0.0.1"]\n'.encode(),
        "no host table, which older readers refuse": OURS.replace("[host]\n", "").encode(),
        "plain HTTP": OURS.replace("https", "http").encode(),
        "a name": OURS.replace("10.96.0.50", "registry.example").encode(),
        "no address": OURS.replace("10.96.0.50", "10.96.0.500").encode(),
        "no IPv6 address": OURS.replace("10.96.0.50", "[fd00::1::2]").encode(),
        "a port too high": OURS.replace("5000", "65536").encode(),
        "a path": OURS.replace(":5000", ":5000/v2").encode(),
        "no server": OURS.replace("server", "server_").encode(),
        "a server that is no string": OURS.replace('"https://10.96.0.50:5000"', "3").encode(),
        "no tags": OURS.replace('"pull", "resolve"', '"pull"').encode(),
        "capabilities that are no list": OURS.replace('["pull", "resolve"]', '"pull"').encode(),
        "another CA": OURS.replace("ca.crt", "/etc/other.crt").encode(),
        "a time that cannot be read": OURS.replace('"3s"', '"3 s"').encode(),
    }.items(),
    ids=lambda item: item[0],
)
def test_a_file_that_sends_pulls_another_way_is_not_ours(foreign):
    assert parse_hosts_file(foreign[1]) is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_judged_without_an_exception(content):
    parse_hosts_file(content)
