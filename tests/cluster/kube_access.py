"""A stub of the API server on loopback, and how a client is told the way to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.cluster.api import READ_SECONDS, Api
from agent.cluster.connection import Access, Connection, InCluster, Kubeconfig
from tests.ground.certificates import Authority
from tests.node.tls_server import Server, Speak, serving

CA = Authority.create(name="test cluster CA")
CERTIFICATE = CA.issue(ips=["127.0.0.1"])
FIRST = "first"


@contextmanager
def api_server(speak: Speak | bytes) -> Iterator[Server]:
    """Something that speaks TLS, as the API server does, and then what it is told to."""
    with serving(speak, certificate=CERTIFICATE) as server:
        yield server


def kubeconfig(directory: Path, *, port: int, token: str = FIRST) -> Kubeconfig:
    path = directory / "kubeconfig"
    authority = directory / "ca.crt"
    authority.write_text(CA.pem)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [
            {
                "name": "test",
                "cluster": {
                    "server": f"https://127.0.0.1:{port}",
                    "certificate-authority": str(authority),
                },
            }
        ],
        "users": [{"name": "test", "user": {"token": token}}],
    }
    path.write_text(json.dumps(document))
    return Kubeconfig(path)


def in_cluster(directory: Path, *, port: int, token: str = FIRST) -> InCluster:
    (directory / "token").write_text(token)
    (directory / "ca.crt").write_text(CA.pem)
    return InCluster(
        token=directory / "token",
        authority=directory / "ca.crt",
        environment={"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)},
    )


@contextmanager
def api_over(access: Access, *, read_seconds: float = READ_SECONDS) -> Iterator[Api]:
    connection = Connection(access, user_agent="registry-node-agent/test")
    try:
        yield Api(connection, read_seconds=read_seconds)
    finally:
        connection.close()


def answer(document: object, *headers: str, status: str = "200 OK") -> bytes:
    """A whole response."""
    body = json.dumps(document).encode()
    head = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def refusal(code: int, reason: str, message: str, *headers: str) -> bytes:
    """As the API server refuses."""
    document = {"kind": "Status", "code": code, "reason": reason, "message": message}
    return answer(document, *headers, status=f"{code} {reason}")


def chunked(*pieces: bytes, whole: bool = True) -> bytes:
    """A response in chunks, as a watch has it; one that is not `whole` ends without its last."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + (b"0\r\n\r\n" if whole else b"")
