"""What the tests of the issuer begin with: a moment, two CAs, and a registry's names."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from agent.issuer.certificates import KeyPair, cross_sign, issue, make_authority
from agent.planning.trust_model import Constraints, IPNetwork

NOW = datetime.now(tz=UTC).replace(microsecond=0)  # Go and OpenSSL look at the real clock
DAY = timedelta(days=1)
SUBTREES = frozenset({"registry.svc", "registry.svc.cluster.local"})
NAMES = frozenset({"knative.registry.svc", "knative.registry.svc.cluster.local"})
ADDRESSES = frozenset({ip_address("10.96.0.50"), ip_address("fd00:10:96::50")})


def authority(
    *,
    names: frozenset[str] = SUBTREES,
    networks: frozenset[IPNetwork] = frozenset(),
    now: datetime = NOW,
    lifetime: timedelta = 730 * DAY,
) -> KeyPair:
    constraints = Constraints(names=names, networks=networks)
    return make_authority(constraints=constraints, now=now, lifetime=lifetime)


def leaf(by: KeyPair, *, crossed_by: KeyPair | None = None, now: datetime = NOW) -> KeyPair:
    """A registry's certificate, with the cross by the older CA after it."""
    cross = cross_sign(new=by.certificate, old=crossed_by, now=now) if crossed_by else b""
    return issue(
        names=NAMES, addresses=ADDRESSES, authority=by, cross=cross, now=now, lifetime=90 * DAY
    )
