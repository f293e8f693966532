"""Whole clusters for the tests; a missing program is told, or fails in CI."""

from collections.abc import Iterator

import pytest

from tests.ground.cluster import Cluster
from tests.ground.image_builder import BuiltImage
from tests.missing_programs import found_or_skipped
from tests.realcluster.scene import Scene


@pytest.fixture
def scene(built_image: BuiltImage) -> Iterator[Scene]:
    """A fresh cluster, with the agent's image on its node and the agent not deployed."""
    with found_or_skipped("the agent on a real kubelet", Cluster) as cluster:
        yield Scene(cluster=cluster, image=built_image)
