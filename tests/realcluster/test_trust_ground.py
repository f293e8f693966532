"""Three real nodes, a builder and one registry whose CA is changed by hand: not one pull fails."""

from collections.abc import Iterator

import pytest

from tests.ground.certificates import Authority
from tests.missing_programs import found_or_skipped
from tests.rotation.by_hand import publish_bundle, publish_certificate, publish_password
from tests.rotation.site import Site

pytestmark = pytest.mark.realcluster

PULLS = 40


@pytest.fixture
def site() -> Iterator[Site]:
    with found_or_skipped("nodes that share a registry", Site) as made:
        yield made


def test_a_certificate_is_changed_by_hand_while_nodes_pull_and_a_builder_pushes(site: Site):
    old, new = (Authority.create(name=name) for name in ("old CA", "new CA"))
    publish_bundle(site, old)
    publish_password(site)
    publish_certificate(site, old)
    site.start_registry()
    site.wait_for_anchors(old.sha256)

    with site.loops() as loops:
        publish_bundle(site, old, new)
        site.wait_for_anchors(old.sha256, new.sha256)
        loops.wait_for_more(PULLS)
        publish_certificate(site, new)
        loops.wait_for_more(PULLS)
        publish_bundle(site, new)
        site.wait_for_anchors(new.sha256)
        loops.wait_for_more(PULLS)

    assert loops.errors == []
    assert loops.pulled > 3 * PULLS
