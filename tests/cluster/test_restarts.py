"""API server and etcd are killed and started again while Services change: all see the end of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count

import pytest
from kubernetes.client import ApiException
from urllib3.exceptions import HTTPError

from tests.cluster.clusters import RealCluster
from tests.cluster.followed import QUICK, following, ports
from tests.ground.control_plane import ControlPlane
from tests.ground.namespaces import wait_until

pytestmark = pytest.mark.realcluster

NODES = 20
CHANGES = 100
NAMES = ("a", "b", "c")
IN_LIFE = replace(QUICK, first_backoff=0.5, last_backoff=5.0, silence=(75.0, 90.0), settled=30.0)

_REST = threading.Event()  # never set: waiting on it is a pause


@pytest.fixture
def cluster(control_plane: ControlPlane, namespace: str) -> Iterator[RealCluster]:
    cluster = RealCluster(control_plane, namespace)
    yield cluster
    cluster.close()


@contextmanager
def restarts(control_plane: ControlPlane) -> Iterator[Callable[[], int]]:
    """One after the other, in turn, for as long as the block lasts; how many there were so far."""
    done = count()
    over = threading.Event()
    number = [0]

    def restart() -> None:
        for turn in done:
            victim = (control_plane.api_server, control_plane.etcd)[turn % 2]
            if over.wait(0.5):
                return
            victim.kill()
            if over.wait(0.5):
                return
            control_plane.start()
            number[0] += 1

    thread = threading.Thread(target=restart)
    thread.start()
    try:
        yield lambda: number[0]
    finally:
        over.set()
        thread.join()
        control_plane.start()


def insist(change: Callable[[], None]) -> None:
    """Until the API server has taken it."""

    def taken() -> bool:
        try:
            change()
        except ApiException as refusal:
            return refusal.status == 404  # a delete of which the answer was lost
        except HTTPError:
            return False
        return True

    wait_until(taken, what="the API server has taken a change", seconds=60)


def test_the_final_state_is_seen_by_every_node(
    control_plane: ControlPlane, cluster: RealCluster
) -> None:
    expected: dict[str, int] = {}
    with ExitStack() as stack:
        nodes = [stack.enter_context(following(cluster, timing=IN_LIFE)) for _ in range(NODES)]
        with restarts(control_plane) as restarted:
            for number in range(CHANGES):
                name, port = NAMES[number % len(NAMES)], 6000 + number
                if number % 7 == 6:
                    insist(lambda name=name: cluster.delete_service(name))
                insist(lambda name=name, port=port: cluster.put_service(name, port=port))
                expected[name] = port
                _REST.wait(0.1)
            wait_until(lambda: restarted() >= 4, what="each of them has been killed twice")
        insist(lambda: cluster.delete_service(NAMES[0]))
        del expected[NAMES[0]]
        for node in nodes:
            node.until(
                lambda view: view.complete and not view.problems and ports(view) == expected,
                what=f"a node sees {expected}, and knows no trouble",
                seconds=30,
            )
            assert node.ends["unreachable"] + node.ends.get("closed", 0) > 0
