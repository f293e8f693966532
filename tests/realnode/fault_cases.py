"""Every fault a registry can be served with, and the verdict that probe and runtime must share."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.errors import Reason
from tests.ground.certificates import Authority, Certificate, bundle
from tests.ground.fronts import IMAGES, Answers, Bearer, Failure
from tests.node.same_name import ca_and_certificate

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Case:
    """What the node trusts, what the registry serves, and the reason of the failure, if any."""

    trusts: str
    serves: Certificate
    verdict: Reason | None = None
    answers: Answers = IMAGES


def certificate_cases(*, address: str, host: str) -> Mapping[str, Case]:
    """Faults of certificates and bundles."""
    ca, other = Authority.create(), Authority.create(name="another CA")
    old, new = (Authority.create(name="rotated CA") for _ in range(2))
    between, limited = ca.intermediate(), Authority.create(permitted_dns=["registry.svc"])
    unserved = Authority(certificate=between.certificate, key=between.key)
    (first, of_first), (second, of_second) = (ca_and_certificate(address) for _ in range(2))
    both = ssl.DER_cert_to_PEM_cert(first) + ssl.DER_cert_to_PEM_cert(second)
    good, now = ca.issue(ips=[address]), datetime.now(UTC)
    expired = ca.issue(ips=[address], not_after=now - HOUR)
    future = ca.issue(ips=[address], not_before=now + HOUR)
    dead = Authority.create(name="dead CA", not_before=now - 2 * HOUR, not_after=now - HOUR)
    of_dead = dead.issue(ips=[address], not_after=now + HOUR)
    within = limited.issue(dns=["a.registry.svc"], ips=[address])
    beyond = limited.issue(dns=["docker.io"], ips=[address])
    unknown, no_san = Reason.UNKNOWN_AUTHORITY, Reason.MISSING_IP_SAN
    return {
        "good": Case(ca.pem, good),
        "two CAs": Case(bundle(other, ca), good),
        "no IP SAN": Case(ca.pem, ca.issue(dns=[host]), no_san),
        "another address": Case(ca.pem, ca.issue(dns=[host], ips=["10.96.0.51"]), no_san),
        "address as a DNS name": Case(ca.pem, ca.issue(dns=[address]), no_san),
        "no name at all": Case(ca.pem, ca.issue(), no_san),
        "expired": Case(ca.pem, expired, Reason.CERTIFICATE_EXPIRED),
        "not yet valid": Case(ca.pem, future, Reason.CERTIFICATE_NOT_YET_VALID),
        "expired CA": Case(dead.pem, of_dead, Reason.CERTIFICATE_EXPIRED),
        "unknown CA": Case(other.pem, good, unknown),
        "intermediate as the anchor": Case(between.pem, between.issue(ips=[address])),
        "intermediate, not served": Case(ca.pem, unserved.issue(ips=[address]), unknown),
        "CA replaced under its name": Case(old.pem, new.issue(ips=[address]), unknown),
        "both CAs of one name": Case(bundle(old, new), new.issue(ips=[address])),
        "new CA, cross-signed by the old": Case(old.pem, old.cross_sign(new).issue(ips=[address])),
        "one name, no key identifiers": Case(both, of_first),
        "one name, no key identifiers, the other": Case(both, of_second),
        "within the CA's constraints": Case(limited.pem, within),
        "beyond the CA's constraints": Case(limited.pem, beyond, Reason.TLS_FAILED),
    }


def answer_cases(*, address: str, host: str) -> Mapping[str, Case]:
    """Faults behind a good certificate."""
    ca = Authority.create()
    good = ca.issue(ips=[address])

    def case(answers: Answers, verdict: Reason | None = None) -> Case:
        return Case(ca.pem, good, verdict, answers)

    def token(realm: str, verdict: Reason | None = Reason.REALM_UNREACHABLE) -> Case:
        return case(Bearer(realm=realm), verdict)

    return {
        "images": case(IMAGES),
        "500": case(Failure(status=500), Reason.HTTP_ERROR),
        "503": case(Failure(status=503), Reason.HTTP_ERROR),
        "token, realm by address": token(f"https://{address}/token", None),
        "token, realm by another name": token("https://auth.registry.svc/token"),
        "token, realm by its own name": token(f"https://{host}/token"),
        "token, realm that refuses": token(f"http://{address}:81/token"),
    }
