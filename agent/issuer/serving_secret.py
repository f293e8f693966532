"""The Secret with a namespace's serving certificate, read and made anew."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from agent.errors import BadInput, Problem, Reason
from agent.issuer.certificates import KeyPair, issue
from agent.issuer.facts import leaf_facts
from agent.issuer.keyring import StoredKeyring
from agent.issuer.verification import verify
from agent.planning.node_state import PREFIX
from agent.planning.pem import pem_block
from agent.planning.published_bundle import moment, read_moment
from agent.planning.stored_objects import TLS, SecretObject
from agent.planning.trust_model import Reached, Serving
from agent.planning.trust_steps import IssueLeaf

NAME = "registry-tls"
WRITTEN_AT = PREFIX + "written-at"
CERTIFICATE_KEY, PRIVATE_KEY = "tls.crt", "tls.key"


def read_serving(
    namespace: str,
    services: Iterable[Reached],
    secret: SecretObject | None,
    *,
    besides: Iterable[Reached],
    stored: StoredKeyring,
    now: datetime,
) -> Serving:
    """A namespace, its Services, and what its Secret holds."""
    if secret is None:
        return Serving(namespace=namespace, services=tuple(services))
    pair = KeyPair(
        certificate=secret.data.get(CERTIFICATE_KEY, b""), key=secret.data.get(PRIVATE_KEY, b"")
    )
    leaf = leaf_facts(
        pair=pair,
        authorities=[pem_block(der).encode() for der in stored.anchors],
        cross=stored.cross,
        now=now,
    )
    return Serving(
        namespace=namespace,
        services=tuple(services),
        besides=tuple(besides),
        leaf=leaf,
        written_at=read_moment(secret.annotations.get(WRITTEN_AT, "")),
    )


def with_certificate(
    step: IssueLeaf, *, stored: StoredKeyring, now: datetime, lifetime: timedelta
) -> SecretObject:
    """The Secret with a new certificate, which verifies by every CA that is published.

    Raises BadInput (certificate-unverifiable) for one that does not: it is not to be published.
    """
    pair = issue(
        names=step.names,
        addresses=step.addresses,
        authority=stored.current,
        cross=stored.cross,
        now=now,
        lifetime=lifetime,
    )
    for anchor in _verifiers(step, stored=stored, now=now):
        why = verify(
            chain=pair.certificate,
            anchor=anchor,
            names=step.names,
            addresses=step.addresses,
            now=now,
        )
        if why is not None:
            where = f"Secret {step.namespace}/{NAME}"
            problem = Problem(reason=Reason.CERTIFICATE_UNVERIFIABLE, where=where, detail=why)
            raise BadInput(problem)
    return SecretObject(
        namespace=step.namespace,
        name=NAME,
        type=TLS,
        data={CERTIFICATE_KEY: pair.certificate, PRIVATE_KEY: pair.key},
        annotations={WRITTEN_AT: moment(now)},
    )


def _verifiers(step: IssueLeaf, *, stored: StoredKeyring, now: datetime) -> Iterable[bytes]:
    """The CAs by which a new certificate has to verify: who trusts one of them only, may pull.

    Not by a next one, which does not sign yet, nor by those whose keys could not sign it, nor by
    one that must not: nobody who trusts only that could ever pull from there.
    """
    yield stored.current.certificate
    crossing = stored.ring.crossed_by(now)
    for authority, certificate in zip(stored.ring.previous, stored.previous, strict=True):
        allowed = authority.constraints.allow(names=step.names, addresses=step.addresses)
        if authority in crossing and allowed:
            yield certificate
