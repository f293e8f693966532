"""What a person publishes who has no trust controller: bundle, certificate and push password."""

import json
from base64 import b64encode

from tests.ground.certificates import Authority, bundle
from tests.ground.kubectl import Object
from tests.manifests.registry_scene import PASSWORD, USER, hashed
from tests.realnode.scene import HOST, SHORT_HOST
from tests.rotation.builder import NAMESPACE as BUILDS
from tests.rotation.site import Site


def publish_bundle(site: Site, *authorities: Authority) -> None:
    """For nodes, and for the builder."""
    content = _object("ConfigMap", "registry-trust", "registry-trust")
    site.kubectl.apply(content | {"data": {"ca.crt": bundle(*authorities)}})


def publish_certificate(site: Site, authority: Authority) -> None:
    """For the registry's present ClusterIP; returns when the registry serves it."""
    made = authority.issue(dns=[HOST, SHORT_HOST], ips=[site.hub.address])
    secret = _object("Secret", "registry-tls", "registry") | {"type": "kubernetes.io/tls"}
    content = {"tls.crt": made.chain_pem, "tls.key": made.key_pem}
    site.kubectl.apply(secret | {"stringData": content})
    site.hub.volumes["certificate"].wait_for("tls.crt", made.chain_pem)


def publish_password(site: Site) -> None:
    """For the registry what it is checked by, for the builder what it says."""
    auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    auths = json.dumps({"auths": {host: {"auth": auth} for host in (HOST, SHORT_HOST)}})
    registry = {"htpasswd": f"{USER}:{hashed(PASSWORD)}\n"}
    site.kubectl.apply(
        _object("Secret", "registry-push", "registry") | {"stringData": registry},
        _object("Secret", "registry-push", BUILDS)
        | {"type": "kubernetes.io/dockerconfigjson"}
        | {"stringData": {".dockerconfigjson": auths}},
    )


def _object(kind: str, name: str, namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
    }
