"""A registry that answers 401: it works only if the node can fetch a token as a runtime would."""

import socket
import threading
from time import monotonic

import pytest

from agent.errors import Reason
from agent.node.registry_probe import RegistryProbe
from agent.planning.evidence import ProbeResult, ProbeStep
from tests.ground.certificates import Authority
from tests.node.tls_server import OK, serving, status

LOOPBACK = ["127.0.0.1"]


@pytest.fixture
def ca() -> Authority:
    return Authority.create()


@pytest.fixture
def probe(tmp_path) -> RegistryProbe:
    return RegistryProbe(tmp_path, threading.Event(), retry_after=lambda: 0)


def challenged(probe: RegistryProbe, ca: Authority, *challenges: str) -> ProbeResult:
    """Probe a registry that answers 401 with these challenges."""
    headers = [f"WWW-Authenticate: {challenge}" for challenge in challenges]
    response = status("401 Unauthorized", *headers)
    with serving(response, certificate=ca.issue(ips=LOOPBACK)) as registry:
        return probe.probe(registry.route(ca))


def bearer(realm: str) -> str:
    return f'Bearer realm="{realm}",service="the registry",scope="a,b"'


@pytest.mark.parametrize("line", ["200 OK", "401 Unauthorized", "404 Not Found"])
def test_any_answer_of_the_realm_below_500_will_do(line, probe, ca):
    with serving(status(line), certificate=ca.issue(ips=LOOPBACK)) as realm:
        url = f"https://127.0.0.1:{realm.port}/token"
        result = challenged(probe, ca, bearer(url))
    assert result.works
    assert result.detail == f"reached; tokens come from {url}"
    assert realm.requests[0].startswith("GET /token?service=the+registry HTTP/1.1\r\n")


def test_a_realm_by_name_is_asked_by_that_name(probe, ca):
    with serving(certificate=ca.issue(dns=["localhost"])) as realm:
        assert challenged(probe, ca, bearer(f"https://localhost:{realm.port}/token?a=b")).works
    assert realm.server_names == ["localhost"]
    assert "/token?a=b&service=" in realm.requests[0]
    assert f"Host: localhost:{realm.port}" in realm.requests[0]


def test_a_realm_in_plain_http_will_do(probe, ca):
    with serving(OK) as realm:
        assert challenged(probe, ca, bearer(f"http://127.0.0.1:{realm.port}/token")).works


def test_a_realm_that_fails_is_unreachable(probe, ca):
    with serving(status("502 Bad Gateway")) as realm:
        result = challenged(probe, ca, bearer(f"http://127.0.0.1:{realm.port}/"))
    assert_unreachable(result, "it answers 502")


def test_a_realm_of_another_ca_is_unreachable(probe, ca):
    with serving(certificate=Authority.create(name="another").issue(ips=LOOPBACK)) as realm:
        result = challenged(probe, ca, bearer(f"https://127.0.0.1:{realm.port}/token"))
    assert_unreachable(result, f"https://127.0.0.1:{realm.port}/token: unknown-authority: ")


def test_a_realm_that_only_the_node_trusts_is_reached(probe, ca, tmp_path):
    public = Authority.create(name="a public CA")
    bundle = tmp_path / "etc/ssl/cert.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(public.pem)
    with serving(certificate=public.issue(ips=LOOPBACK)) as realm:
        assert challenged(probe, ca, bearer(f"https://127.0.0.1:{realm.port}/token")).works


def test_a_realm_that_refuses_connections_is_unreachable(probe, ca):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert_unreachable(
        challenged(probe, ca, bearer(f"https://127.0.0.1:{port}/token")), "connection-refused"
    )


def test_a_realm_on_a_name_that_does_not_resolve_is_unreachable(probe, ca, monkeypatch):
    def no_such_host(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    realm = "https://auth.registry.svc.cluster.local/token"
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", only_for("auth.", no_such_host))
        result = challenged(probe, ca, bearer(realm))
    assert_unreachable(result, f"token realm {realm}: unreachable: lookup of auth.registry.svc")


def test_a_lookup_that_hangs_does_not_hold_the_probe(tmp_path, ca, monkeypatch):
    probe = RegistryProbe(tmp_path, threading.Event(), attempt_seconds=1)
    answer = threading.Event()

    def hang(*_: object, **__: object) -> None:
        answer.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", only_for("auth.", hang))
        began = monotonic()
        result = challenged(probe, ca, bearer("https://auth.registry.svc/token"))
        answer.set()
    assert_unreachable(result, "timeout: no answer to the lookup")
    assert monotonic() - began < 3


@pytest.mark.parametrize(
    "realm", ["", "/token", "ftp://127.0.0.1/", "https://", "https://h:port/", "https://a..b/"]
)
def test_a_realm_that_is_no_url_is_unreachable(realm, probe, ca):
    assert_unreachable(challenged(probe, ca, bearer(realm)), "token realm")


def test_a_challenge_without_a_realm_is_unreachable(probe, ca):
    assert_unreachable(challenged(probe, ca, "Bearer nothing"), "token realm")


def test_secrets_of_a_realm_are_not_repeated(probe, ca):
    result = challenged(probe, ca, bearer("https://user:secret@127.0.0.1:1/token?key=secret"))
    assert_unreachable(result, "token realm https://127.0.0.1:1/token")
    assert "secret" not in result.detail


def test_basic_is_reached_and_needs_a_pull_secret(probe, ca):
    result = challenged(probe, ca, 'Basic realm="Registry"')
    assert result.works
    assert "pull secret" in result.detail


def test_bearer_comes_before_basic(probe, ca):
    assert_unreachable(challenged(probe, ca, 'Basic realm="R"', bearer("ftp://x/")), "ftp://x/")


def test_a_401_that_asks_for_nothing_is_an_error_of_http(probe, ca):
    assert challenged(probe, ca).reason is Reason.HTTP_ERROR


def assert_unreachable(result: ProbeResult, words: str) -> None:
    assert result.reason is Reason.REALM_UNREACHABLE
    assert words in result.detail
    assert result.reached == {ProbeStep.TCP, ProbeStep.TLS}


def only_for(prefix: str, replacement):
    """Name resolution as it is, but for names that begin so."""
    real = socket.getaddrinfo

    def resolve(host, *args, **options):
        return (replacement if host.startswith(prefix) else real)(host, *args, **options)

    return resolve
