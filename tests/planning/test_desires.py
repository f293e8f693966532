"""From what the cluster says to what is wanted: unknown is not absent, bad keeps the last good."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

import pytest

from agent.errors import Reason
from agent.planning.desires import MAX_REGISTRIES, Desires, Rules, desires_of
from agent.planning.known_good import GoodService, KnownGood
from agent.planning.model import BundleObject, RegistryName, ServiceObject
from tests.anchors import NOW, YEAR, ders, fingerprint, pem
from tests.worlds import (
    API_DOWN,
    KNATIVE,
    LONG,
    NEW_IP,
    OLD_IP,
    REFERENCE,
    RULES,
    SHORT,
    bundle,
    service,
    view_of,
)

KNOWN = KnownGood(
    services={KNATIVE: GoodService(registry=KNATIVE, addresses=(ip_address(OLD_IP),), port=5000)},
    bundles={REFERENCE: pem(1)},
)


def want(
    *services: ServiceObject,
    trust: BundleObject | None = None,
    known: KnownGood = KNOWN,
    complete: bool = True,
    rules: Rules = RULES,
) -> Desires:
    bundles = {} if trust is None else {REFERENCE: trust}
    view = view_of(services, bundles, complete=complete)
    return desires_of(view=view, known_good=known, rules=rules, now=NOW)


def reasons(desires: Desires) -> list[Reason]:
    return [problem.reason for problem in desires.problems]


def test_a_labelled_service_with_its_bundle_is_wanted() -> None:
    desires = want(service(NEW_IP), trust=bundle(2), known=KnownGood())
    [desire] = desires.wanted
    assert desire.registry == KNATIVE
    assert desire.hosts == (LONG, SHORT)
    assert desire.addresses == (ip_address(NEW_IP),)
    assert (desire.port, desire.ders) == (5000, ders(2))
    assert desires.problems == ()
    assert desires.certain


def test_it_is_what_is_known_from_now_on() -> None:
    known = want(service(NEW_IP), trust=bundle(2)).known_good
    assert known.services[KNATIVE].addresses == (ip_address(NEW_IP),)
    again = want(known=known, complete=False)
    assert again.wanted == want(service(NEW_IP), trust=bundle(2)).wanted
    assert again.known_good == known


def test_a_namespace_may_have_a_bundle_of_its_own() -> None:
    rules = Rules(domain="cluster.local", references={"": REFERENCE, "other": "file:/ca"})
    view = view_of(
        [service(), service(namespace="other")], {REFERENCE: bundle(1), "file:/ca": bundle(2)}
    )
    desires = desires_of(view=view, known_good=KnownGood(), rules=rules, now=NOW)
    assert [desire.ders for desire in desires.wanted] == [ders(2), ders(1)]


def test_the_annotations_of_both_objects_release_a_hold() -> None:
    [desire] = want(service(apply_held=NEW_IP), trust=bundle(apply_held="ab")).wanted
    assert desire.released == {NEW_IP, "ab"}
    [desire] = want(service(), trust=bundle()).wanted
    assert desire.released == frozenset()


# Unknown is not absent


def test_in_an_incomplete_view_what_was_known_is_still_wanted() -> None:
    desires = want(complete=False)
    assert [desire.registry for desire in desires.wanted] == [KNATIVE]
    assert desires.known_good.services == KNOWN.services
    assert reasons(desires) == [API_DOWN.problem.reason]
    assert not desires.certain


def test_in_a_complete_view_what_is_absent_is_forgotten() -> None:
    desires = want(trust=bundle())
    assert (desires.wanted, desires.kept, desires.withdrawn) == ((), frozenset(), frozenset())
    assert desires.known_good.services == {}


@pytest.mark.parametrize("complete", [True, False])
def test_the_label_false_withdraws_whatever_else_is_unknown(*, complete: bool) -> None:
    desires = want(service(label="false"), complete=complete)
    assert desires.withdrawn == {KNATIVE}
    assert (desires.wanted, desires.kept) == ((), frozenset())


def test_any_other_label_is_told_and_withdraws_nothing() -> None:
    desires = want(service(label="True"), trust=bundle())
    assert reasons(desires) == [Reason.BAD_LABEL]
    assert [desire.registry for desire in desires.wanted] == [KNATIVE]
    assert desires.withdrawn == frozenset()


# Bad keeps the last good


def test_a_service_that_breaks_a_rule_keeps_what_it_said() -> None:
    desires = want(replace(service(), cluster_ips=("None",)), trust=bundle())
    assert reasons(desires) == [Reason.HEADLESS]
    assert [desire.addresses for desire in desires.wanted] == [(ip_address(OLD_IP),)]


def test_a_service_that_never_was_good_is_kept_as_it_is_on_the_node() -> None:
    desires = want(replace(service(), ports=()), trust=bundle(), known=KnownGood())
    assert reasons(desires) == [Reason.NO_PORT]
    assert (desires.wanted, desires.kept) == ((), {KNATIVE})


BAD_BUNDLES = {
    "empty": (bundle(), {"pem": ""}, Reason.BUNDLE_EMPTY),
    "malformed": (bundle(), {"pem": "-----BEGIN CERTIFICATE-----\n"}, Reason.BUNDLE_MALFORMED),
    "wholly revoked": (bundle(2), {"revoked": fingerprint(2)}, Reason.ALL_ANCHORS_REVOKED),
    "with a revoked list that is none": (bundle(2), {"revoked": "x"}, Reason.BUNDLE_MALFORMED),
}


@pytest.mark.parametrize("sentence", BAD_BUNDLES)
def test_the_last_good_bundle_is_kept_when_the_present_one_is(sentence: str) -> None:
    good, spoiled, reason = BAD_BUNDLES[sentence]
    desires = want(service(), trust=replace(good, **spoiled))
    assert reasons(desires) == [reason]
    assert [desire.ders for desire in desires.wanted] == [ders(1)]
    assert desires.known_good.bundles.keys() == {REFERENCE}


def test_an_expired_bundle_keeps_the_last_good_one() -> None:
    view = view_of([service()], {REFERENCE: bundle(2)})
    later = NOW + YEAR + timedelta(days=1)
    desires = desires_of(view=view, known_good=KNOWN, rules=RULES, now=later)
    assert reasons(desires) == [Reason.BUNDLE_EXPIRED]
    assert [desire.ders for desire in desires.wanted] == [ders(1)]


@pytest.mark.parametrize(
    ("known", "complete", "found", "detail"),
    [
        pytest.param(KNOWN, True, True, "the last good bundle is kept", id="known, absent"),
        pytest.param(KNOWN, False, True, "", id="known, unseen"),
        pytest.param(KnownGood(), True, False, "there is no such object", id="never seen, absent"),
        pytest.param(KnownGood(), False, False, "it cannot be seen now", id="never seen, unseen"),
    ],
)
def test_a_bundle_that_is_not_there(
    known: KnownGood, *, complete: bool, found: bool, detail: str
) -> None:
    desires = want(service(), known=known, complete=complete)
    assert bool(desires.wanted) is found
    assert desires.kept == (frozenset() if found else {KNATIVE})
    details = [item.detail for item in desires.problems if item.reason is Reason.NO_TRUST_BUNDLE]
    assert details == ([detail] if detail else [])


def test_a_bundle_that_no_service_needs_is_not_complained_about() -> None:
    assert want(known=KnownGood()).problems == ()


# Revoked


def test_a_revoked_anchor_is_neither_wanted_nor_remembered() -> None:
    desires = want(service(), trust=bundle(1, 2, revoked=fingerprint(1)))
    assert [desire.ders for desire in desires.wanted] == [ders(2)]
    assert fingerprint(1) in desires.revoked_for(KNATIVE)
    again = want(known=desires.known_good, complete=False)
    assert [desire.ders for desire in again.wanted] == [ders(2)]


def test_it_leaves_the_last_good_bundle_too() -> None:
    known = replace(KNOWN, bundles={REFERENCE: pem(1, 3)})
    trust = replace(bundle(), pem="", revoked=fingerprint(1))
    assert [desire.ders for desire in want(service(), trust=trust, known=known).wanted] == [ders(3)]


def test_where_it_was_the_last_one_the_registry_is_kept_without_a_bundle() -> None:
    desires = want(service(), trust=replace(bundle(), pem="", revoked=fingerprint(1)))
    assert (desires.wanted, desires.kept) == ((), {KNATIVE})
    assert desires.known_good.bundles == {}


def test_it_is_forgotten_even_while_no_service_needs_the_bundle() -> None:
    desires = want(trust=bundle(2, revoked=fingerprint(1)), known=KNOWN)
    back = want(service(), known=desires.known_good, complete=False)
    assert [desire.ders for desire in back.wanted] == [ders(2)]


# Limits


def test_more_registries_than_allowed_leave_the_newest_out() -> None:
    many = [service(name=f"r{number:02}") for number in range(MAX_REGISTRIES)]
    desires = want(*many, service(), trust=bundle())
    assert reasons(desires) == [Reason.TOO_MANY_REGISTRIES]
    last = RegistryName(namespace="registry", name=f"r{MAX_REGISTRIES - 1:02}")
    assert desires.problems[0].registry == str(last)
    assert KNATIVE in {desire.registry for desire in desires.wanted}
    assert desires.kept == {last}


def test_a_known_service_that_makes_no_hostname_in_another_domain_is_refused() -> None:
    rules = replace(RULES, domain=".".join(["d" * 60] * 4))
    for complete in (True, False):
        desires = want(service(), trust=bundle(), complete=complete, rules=rules)
        assert Reason.BAD_NAME in reasons(desires)
        assert (desires.wanted, desires.kept) == ((), {KNATIVE})
    assert want(complete=False, rules=rules).wanted == ()
