"""A change that would break pulls which work is held, until a person says otherwise."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ground.certificates import Authority, bundle
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.scene import ADDRESS, CERTS_D, DEAD_ADDRESS, HOST, HOSTS, OTHER_ADDRESS, Scene

pytestmark = [
    pytest.mark.realnode,
    pytest.mark.parametrize("containerd_version", ["2.1"]),
]

APPLY_HELD = "registry-node-agent.internal/apply-held"


@pytest.fixture
def scene(node: Node, registry: Registry) -> Scene:
    """A node that has converged."""
    made = Scene(node=node, registry=registry)
    made.converge()
    return made


@pytest.fixture
def wrong() -> Authority:
    """A well-formed CA that signed nothing here."""
    return Authority.create(name="wrong CA")


def test_a_wrong_ca_is_held_pulls_go_on_and_apply_held_applies_it(scene: Scene, wrong: Authority):
    before = scene.configuration()
    scene.manifests.trust_bundle(wrong.pem)

    held = scene.agent.sync()

    assert (held.status, held.reasons) == (1, ("held",))
    assert "unknown-authority" in held.err
    assert wrong.sha256 in held.err
    assert scene.configuration() == before
    assert scene.pull().error == ""

    forced = scene.agent.sync("--apply-held")

    assert forced.status == 1
    assert "held" not in forced.reasons
    assert "unknown-authority" in forced.reasons
    assert wrong.pem in scene.host_file("ca.crt").read_text()
    assert "unknown authority" in scene.pull().error


@contextmanager
def refusing(scene: Scene) -> Iterator[None]:
    scene.registry.close_front("main")
    yield
    scene.serve()


@contextmanager
def hanging(scene: Scene) -> Iterator[None]:
    with scene.registry.hanging(fronts=True):
        yield


@contextmanager
def unroutable(scene: Scene) -> Iterator[None]:
    scene.node.remove_address(ADDRESS)
    yield
    scene.node.add_address(ADDRESS)


DOWN = {"connection-refused": refusing, "timeout": hanging, "unreachable": unroutable}


@pytest.mark.parametrize("reason", DOWN)
def test_a_hold_outlives_a_registry_that_is_down(scene: Scene, wrong: Authority, reason: str):
    scene.manifests.trust_bundle(wrong.pem)
    assert scene.agent.sync().reasons == ("held",)

    with DOWN[reason](scene):
        down = scene.agent.sync()

    assert (down.status, set(down.reasons)) == (1, {"held", reason})
    assert scene.authority.pem in scene.host_file("ca.crt").read_text()
    assert scene.pull().error == ""
    assert scene.agent.sync().reasons == ("held",)


def test_a_hold_outlives_the_loss_of_the_files(scene: Scene, wrong: Authority):
    scene.manifests.trust_bundle(wrong.pem)
    assert scene.agent.sync().reasons == ("held",)
    for host in HOSTS:
        shutil.rmtree(scene.node.root / CERTS_D / host)

    assert scene.agent.sync().reasons == ("held",)
    assert scene.pull().error == ""


def test_a_held_ca_is_applied_by_an_annotation_that_names_it(scene: Scene, wrong: Authority):
    scene.manifests.trust_bundle(wrong.pem, annotations={APPLY_HELD: "0" * 64})
    assert scene.agent.sync().reasons == ("held",)
    scene.manifests.trust_bundle(wrong.pem, annotations={APPLY_HELD: wrong.sha256})

    synced = scene.agent.sync()

    assert "held" not in synced.reasons
    assert wrong.pem in scene.host_file("ca.crt").read_text()


def test_a_dead_endpoint_is_held_and_applied_by_an_annotation_that_names_it(scene: Scene):
    before = scene.configuration()
    scene.node.add_address(DEAD_ADDRESS)
    scene.manifests.service(cluster_ips=[DEAD_ADDRESS])

    held = scene.agent.sync()

    assert (held.status, held.reasons) == (1, ("held",))
    assert "connection-refused" in held.err
    assert scene.configuration() == before
    assert scene.pull().error == ""

    scene.manifests.service(cluster_ips=[DEAD_ADDRESS], annotations={APPLY_HELD: DEAD_ADDRESS})
    forced = scene.agent.sync()

    assert (forced.status, forced.reasons) == (1, ("connection-refused",))
    assert scene.endpoint() == f"https://{DEAD_ADDRESS}"


def test_a_held_change_is_applied_when_it_works(scene: Scene):
    scene.manifests.service(cluster_ips=[OTHER_ADDRESS])
    assert scene.agent.sync().reasons == ("held",)

    scene.serve("other", address=OTHER_ADDRESS)

    assert scene.agent.sync().status == 0
    assert scene.endpoint() == f"https://{OTHER_ADDRESS}"
    assert scene.pull().error == ""


def test_a_held_change_is_applied_when_the_present_one_no_longer_works(scene: Scene):
    scene.manifests.service(cluster_ips=[OTHER_ADDRESS])
    assert scene.agent.sync().reasons == ("held",)

    scene.registry.close_front("main")
    synced = scene.agent.sync()

    assert synced.status == 1
    assert "held" not in synced.reasons
    assert scene.endpoint() == f"https://{OTHER_ADDRESS}"


def test_a_revoked_anchor_leaves_at_once_also_while_a_change_is_held(scene: Scene):
    good, compromised = scene.authority, Authority.create(name="compromised CA")
    scene.manifests.trust_bundle(bundle(good, compromised))
    assert scene.agent.sync().status == 0
    scene.manifests.service(cluster_ips=[DEAD_ADDRESS])
    assert scene.agent.sync().reasons == ("held",)

    scene.manifests.trust_bundle(bundle(good, compromised), revoked=compromised.sha256)
    synced = scene.agent.sync()

    assert synced.reasons == ("held",)
    anchors = scene.host_file("ca.crt").read_text()
    assert good.pem in anchors
    assert compromised.pem not in anchors
    assert scene.endpoint() == f"https://{ADDRESS}"
    assert scene.pull().error == ""


def test_a_revoked_anchor_leaves_even_if_it_is_the_only_one_that_works(
    scene: Scene, wrong: Authority
):
    pem = bundle(scene.authority, wrong)
    scene.manifests.trust_bundle(pem, revoked=scene.authority.sha256)

    synced = scene.agent.sync()

    assert synced.status == 1
    assert "held" not in synced.reasons
    assert scene.authority.pem not in scene.host_file("ca.crt").read_text()
    assert "unknown authority" in scene.pull().error


def test_where_nothing_worked_before_it_is_written_and_reported(scene: Scene, wrong: Authority):
    scene.agent.remove()
    scene.manifests.trust_bundle(wrong.pem)

    synced = scene.agent.sync()

    assert (synced.status, synced.reasons) == (1, ("unknown-authority",))
    assert wrong.pem in scene.host_file("ca.crt").read_text()


def test_while_live_a_hold_is_a_metric_and_ends_by_itself(scene: Scene):
    with scene.agent.run() as live:
        live.wait_until_in_sync()
        scene.manifests.service(cluster_ips=[OTHER_ADDRESS])
        live.wait_for_problem("held")
        assert live.metric("problem", reason="held", registry="registry/knative") == 1
        assert scene.pull().error == ""

        scene.serve("other", address=OTHER_ADDRESS)
        scene.manifests.service(cluster_ips=[OTHER_ADDRESS], annotations={"touched": "yes"})
        live.wait_until_in_sync()

    assert scene.endpoint() == f"https://{OTHER_ADDRESS}"
    assert f"lookup {HOST}" not in scene.pull().error
