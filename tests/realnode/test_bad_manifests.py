"""Bad input from the cluster: a clear reason, the last good configuration untouched, pulls go on.

One node serves all cases: each begins and ends with a `run` that is in sync.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from tests.ground.certificates import Authority, bundle
from tests.ground.node import Node
from tests.ground.registry import Registry
from tests.realnode.agent_process import LiveAgent
from tests.realnode.conftest import containerd_or_skip
from tests.realnode.scene import ADDRESS, HOST, Scene

pytestmark = pytest.mark.realnode

Spoil = Callable[[Scene], object]


@dataclass(frozen=True, kw_only=True)
class LiveScene:
    """A node that has converged, and the agent that keeps it so."""

    scene: Scene
    live: LiveAgent


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveScene]:
    with Node(containerd=containerd_or_skip("2.1")) as node, Registry(node=node) as registry:
        scene = Scene(node=node, registry=registry)
        scene.converge()
        with scene.agent.run() as live:
            yield LiveScene(scene=scene, live=live)


def bundle_of(pem: Callable[[Scene], str]) -> Spoil:
    return lambda scene: scene.manifests.trust_bundle(pem(scene))


def leaf(scene: Scene) -> str:
    return scene.authority.issue(dns=[HOST], ips=[ADDRESS]).chain_pem


def expired(_: Scene) -> str:
    past = datetime.now(tz=UTC) - timedelta(days=1)
    return Authority.create(not_before=past - timedelta(days=9), not_after=past).pem


BUNDLES: dict[str, tuple[str, Spoil]] = {
    "malformed": ("bundle-malformed", bundle_of(lambda scene: scene.authority.pem[:-60])),
    "not base64": (
        "bundle-malformed",
        bundle_of(lambda _: "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
    ),
    "empty": ("bundle-empty", bundle_of(lambda _: "")),
    "without any block": ("bundle-empty", bundle_of(lambda _: "to be filled in\n")),
    "oversized": ("bundle-too-large", bundle_of(lambda scene: scene.authority.pem * 200)),
    "of too many": (
        "bundle-too-large",
        bundle_of(lambda _: bundle(*(Authority.create(name=f"CA {n}") for n in range(40)))),
    ),
    "leaf only": ("bundle-has-leaf", bundle_of(leaf)),
    "leaf beside its CA": (
        "bundle-has-leaf",
        bundle_of(lambda scene: scene.authority.pem + leaf(scene)),
    ),
    "with a key": (
        "bundle-has-private-key",
        bundle_of(lambda scene: scene.authority.pem + scene.authority.key_pem),
    ),
    "expired": ("bundle-expired", bundle_of(expired)),
    "revoked by words": (
        "bundle-malformed",
        lambda scene: scene.manifests.trust_bundle(scene.authority.pem, revoked="everything"),
    ),
    "gone": (
        "no-trust-bundle",
        lambda scene: scene.manifests.delete("configmap-registry-trust-registry-trust.yaml"),
    ),
}


def service_of(*ports: dict[str, object], **spec: object) -> Spoil:
    return lambda scene: scene.manifests.service(cluster_ips=[ADDRESS], ports=ports, spec=spec)


HTTPS: dict[str, object] = {"name": "https", "port": 443}
SERVICES: dict[str, tuple[str, Spoil]] = {
    "without a port": ("no-port", service_of()),
    "with UDP only": ("no-port", service_of({"port": 443, "protocol": "UDP"})),
    "with plain HTTP only": ("plain-http-port", service_of({"name": "http", "port": 80})),
    "with two ports of equal right": (
        "ambiguous-port",
        service_of({"name": "a", "port": 5000}, {"name": "b", "port": 5001}),
    ),
    "with a port that is no number": ("bad-manifest", service_of({"port": "https"})),
    "without a ClusterIP": ("no-cluster-ip", service_of(HTTPS, clusterIP="", clusterIPs=[])),
    "headless": ("headless", service_of(HTTPS, clusterIP="None", clusterIPs=["None"])),
    "external": (
        "external-name",
        service_of(type="ExternalName", externalName="example.org", clusterIPs=[], clusterIP=""),
    ),
    "on loopback": ("bad-address", service_of(HTTPS, clusterIPs=["127.0.0.1"])),
    "on a link-local address": ("bad-address", service_of(HTTPS, clusterIPs=["169.254.169.254"])),
    "with words for an address": ("bad-address", service_of(HTTPS, clusterIPs=["knative"])),
    "with the label unquoted": (
        "bad-manifest",
        lambda scene: respell(scene, "registry: 'true'", "registry: true"),
    ),
}


def respell(scene: Scene, old: str, new: str) -> None:
    """Write the Service again with other letters in it."""
    text = scene.manifests.service(cluster_ips=[ADDRESS]).read_text()
    assert old in text
    scene.manifests.write("service-registry-knative.yaml", text.replace(old, new))


def write_half_of(name: str) -> Spoil:
    """As an editor that does not rename leaves it."""

    def spoil(scene: Scene) -> None:
        whole = scene.manifests.directory / name
        whole.write_text(whole.read_text()[: whole.stat().st_size * 2 // 3])

    return spoil


def move_away(scene: Scene) -> None:
    scene.manifests.directory.rename(scene.manifests.directory.with_name("elsewhere"))


FILES: dict[str, tuple[str, Spoil]] = {
    "one Service twice": (
        "duplicate-object",
        lambda scene: scene.manifests.write(
            "again.yaml", scene.manifests.service(cluster_ips=[ADDRESS]).read_text()
        ),
    ),
    "one bundle twice": (
        "duplicate-object",
        lambda scene: scene.manifests.write(
            "again.yaml", scene.manifests.trust_bundle(scene.authority.pem).read_text()
        ),
    ),
    "no YAML": ("bad-manifest", lambda scene: scene.manifests.write("new.yaml", "{[: nothing")),
    "no objects": ("bad-manifest", lambda scene: scene.manifests.write("new.yaml", "- 1\n- 2\n")),
    "a bundle half written": (
        "bundle-malformed",
        write_half_of("configmap-registry-trust-registry-trust.yaml"),
    ),
    "JSON half written": (
        "bad-manifest",
        lambda scene: scene.manifests.write("new.json", '{"kind": "Service", "metadata": {"na'),
    ),
    "no directory": ("manifests-unreadable", move_away),
}

CASES = {
    **{f"a bundle that is {name}": case for name, case in BUNDLES.items()},
    **{f"a Service {name}": case for name, case in SERVICES.items()},
    **FILES,
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_named_and_changes_nothing(shared: LiveScene, name: str):
    scene, live = shared.scene, shared.live
    reason, spoil = CASES[name]
    live.wait_until_in_sync()
    before = scene.configuration()

    spoil(scene)
    try:
        live.wait_for_problem(reason)
        synced = scene.agent.sync()

        assert synced.status == 1
        assert reason in synced.reasons
        assert scene.pull().error == ""
        assert scene.configuration() == before
    finally:
        restore(scene)
    live.wait_until_in_sync()


def test_a_bad_change_is_not_believed_after_a_restart_either(shared: LiveScene):
    """The last good view is on the node: the agent repairs from it, with nothing else to go by."""
    scene, live = shared.scene, shared.live
    live.wait_until_in_sync()
    before = scene.configuration()
    scene.manifests.trust_bundle("")
    try:
        live.wait_for_problem("bundle-empty")
        scene.host_file("ca.crt").unlink()
        synced = scene.agent.sync()

        assert synced.reasons == ("bundle-empty",)
        assert scene.configuration() == before
        assert scene.pull().error == ""
    finally:
        restore(scene)
    live.wait_until_in_sync()


def restore(scene: Scene) -> None:
    """The manifests as they should be."""
    elsewhere = scene.manifests.directory.with_name("elsewhere")
    if elsewhere.exists():
        elsewhere.rename(scene.manifests.directory)
    for extra in ("again.yaml", "new.yaml", "new.json"):
        (scene.manifests.directory / extra).unlink(missing_ok=True)
    scene.ask_for()
