"""Real builders push and pull by the cluster hostname, with what is published and nothing else."""

from collections.abc import Iterator

import pytest

from tests.ground import image_tools
from tests.ground.certificates import Authority
from tests.missing_programs import found_or_skipped
from tests.realnode.scene import HOST, SHORT_HOST
from tests.rotation.builder import Builder
from tests.rotation.stage import Stage
from tests.rotation.trades import Trades

pytestmark = pytest.mark.realcluster

NAMES = ("skopeo", "buildah", "podman", "ko", "crane", "kaniko")
OTHER = Authority.create(name="another CA").pem


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The trust controller has made all that there is."""
    with found_or_skipped("builders", Stage) as made:
        made.bootstrap()
        yield made


@pytest.fixture(scope="module")
def builder(stage: Stage) -> Iterator[Builder]:
    tools = found_or_skipped("podman, skopeo and buildah", image_tools.tools)
    with Builder(hub=stage.site.hub, name="workshop", tools=tools) as made:
        made.wait_until_ready()
        yield made


@pytest.fixture(scope="module")
def trades(stage: Stage, builder: Builder) -> Trades:
    builder.resolve(HOST, SHORT_HOST, address=stage.site.hub.address)
    return Trades(builder)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_pushes_a_node_runs_by_the_same_name(stage: Stage, trades: Trades, name: str):
    image = f"{HOST}/app/{name}:v1"

    assert trades.all[name](image) == ""

    pull = stage.site.nodes["node-b"].pull(image)
    assert pull.error == ""


@pytest.mark.parametrize("pem", [pytest.param("", id="no CA"), pytest.param(OTHER, id="another")])
@pytest.mark.parametrize("name", NAMES)
def test_without_the_published_ca_it_pushes_nothing(
    builder: Builder, trades: Trades, name: str, pem: str
):
    with builder.trusting(pem):
        said = trades.all[name](f"{HOST}/app/{name}-untrusted:v1")
    assert "unknown authority" in said


@pytest.mark.parametrize("name", NAMES)
def test_with_another_password_it_pushes_nothing(builder: Builder, trades: Trades, name: str):
    with builder.knowing("builder:guessed", host=HOST):
        said = trades.all[name](f"{HOST}/app/{name}-unknown:v1")
    assert "401" in said or "authentication required" in said.lower() or "unauthorized" in said
