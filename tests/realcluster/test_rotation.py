"""The trust controller on three real nodes, from an empty cluster on: not one pull ever fails.

One stage for all of it; the rotations follow one another, as they do on a cluster. They are played
at length by `make rotation`.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.missing_programs import found_or_skipped
from tests.rotation import scenarios
from tests.rotation.site import IMAGE
from tests.rotation.stage import Stage

pytestmark = pytest.mark.realcluster

PULLS = 60
PAUSE_SECONDS = 0.1  # or the agents, which are waited for, would get little of two cores


def paced() -> Stage:
    return Stage(pause_seconds=PAUSE_SECONDS)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Everything is deployed, the controller runs, and nobody has done anything else."""
    with found_or_skipped("the trust controller on real nodes", paced) as made:
        made.bootstrap()
        yield made


def test_all_nodes_and_a_builder_trust_the_registry_of_a_cluster_that_was_empty(stage: Stage):
    pushed = stage.site.builder.push_text("hello\n", IMAGE)
    pulls = {name: node.pull(IMAGE) for name, node in stage.site.nodes.items()}

    assert pushed.error == ""
    assert {name: pull.error for name, pull in pulls.items()} == dict.fromkeys(pulls, "")


@pytest.mark.parametrize("scenario", scenarios.ALL, ids=lambda scenario: scenario.__name__)
def test_no_pull_and_no_push_fails(stage: Stage, scenario: Callable[[Stage, int], None]):
    scenario(stage, PULLS)

    outcome = stage.outcomes[-1]
    assert outcome.errors == ()
    assert outcome.pulls >= PULLS
    assert outcome.pushes > 1
