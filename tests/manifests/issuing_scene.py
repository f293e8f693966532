"""A cluster in which the trust controller works, with its own account and nothing else."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from agent.cluster.connection import Kubeconfig
from agent.cluster.signing_requests import REQUESTS, SigningRequests
from agent.cluster.stored_objects import Objects
from agent.planning.signing_request import SIGNER, SigningRequest
from tests.cluster.kube_access import api_over
from tests.ground.namespaces import wait_until
from tests.manifests.agents import Live
from tests.manifests.cluster import Cluster
from tests.manifests.issuer import BUNDLE, TRUST, WANTS_TRUST, issuing, namespace
from tests.manifests.kustomizations import DEPLOY

RIGHTS = DEPLOY / "components/signing-requests/rights.yaml"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A cluster where the trust controller works, and has done all that there was to do."""

    cluster: Cluster
    controller: Live
    objects: Objects
    requests: SigningRequests
    copy_in: str

    @property
    def bundle(self) -> dict[str, str]:
        return self._config_map(TRUST)

    @property
    def copy(self) -> dict[str, str]:
        return self._config_map(self.copy_in)

    @property
    def cluster_bundle(self) -> str:
        found = self.cluster.kubectl.get("clustertrustbundle", BUNDLE)
        return str(found["spec"]["trustBundle"])

    @property
    def certificate(self) -> x509.Certificate:
        """The registry's, by what its Secret holds."""
        secret = self.objects.secret("registry", "registry-tls")
        assert secret is not None
        return x509.load_pem_x509_certificates(secret.data["tls.crt"])[0]

    def served(self) -> set[str]:
        """What the registry's certificate is for."""
        return set(reached(self.certificate))

    def ask(self, name: str, *, by: str, pem: bytes) -> None:
        """Make a request as somebody."""
        spec = {
            "request": b64encode(pem).decode(),
            "signerName": SIGNER,
            "usages": ["digital signature", "server auth"],
        }
        thing = {
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": spec,
        }
        with api_over(Kubeconfig(self.cluster.plane.write_kubeconfig(by))) as api:
            api.create(REQUESTS, thing)

    def request(self, name: str) -> SigningRequest:
        [found] = (item for item in self.requests.read() if item.name == name)
        return found

    def until_answered(self, name: str) -> SigningRequest:
        def answered() -> SigningRequest | None:
            found = self.request(name)
            is_over = found.certificate or any(
                condition["type"] == "Failed" for condition in found.conditions
            )
            return found if is_over else None

        answer = wait_until(answered, what=f"{name} is answered")
        assert answer is not None
        return answer

    def _config_map(self, where: str) -> dict[str, str]:
        found = self.objects.config_map(where, "registry-trust")
        return dict(found.data) if found else {}


def reached(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return [*names.get_values_for_type(x509.DNSName), *addresses]


@contextmanager
def at_work(cluster: Cluster, directory: Path) -> Iterator[Scene]:
    """With the component for requests; everybody may make one."""
    cluster.kubectl("apply", f"--filename={RIGHTS}")
    asker = ("clusterrole", "asker", "--verb=create", "--resource=certificatesigningrequests")
    cluster.kubectl("create", *asker)
    groups = ("clusterrolebinding", "asker", "--clusterrole=asker", "--group=system:authenticated")
    cluster.kubectl("create", *groups)
    wants = namespace(cluster, WANTS_TRUST)
    with (
        api_over(Kubeconfig(cluster.plane.kubeconfig)) as api,
        issuing(cluster, directory) as controller,
    ):
        made = Scene(
            cluster=cluster,
            controller=controller,
            objects=Objects(api),
            requests=SigningRequests(api),
            copy_in=wants,
        )
        wait_until(lambda: made.copy, what="the copy is there")
        yield made
    cluster.kubectl("delete", "csr", "--all")
    cluster.kubectl("delete", "clusterrole/asker", "clusterrolebinding/asker")
    cluster.kubectl("delete", f"--filename={RIGHTS}")
