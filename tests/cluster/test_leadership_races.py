"""One leader at a time, with real processes and a real API server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from agent.cluster.leadership import NAME, NAMESPACE
from agent.planning.election import Timing
from tests.ground.control_plane import ControlPlane
from tests.ground.namespaces import wait_until

pytestmark = pytest.mark.realcluster

LASTING = Timing(duration=3000, deadline=2000)
SHORT = Timing(duration=4, deadline=3, renew=1, retry=0.2)


@dataclass(kw_only=True)
class Race:
    """Candidates in processes of their own, on a real API server."""

    plane: ControlPlane
    log: Path
    timing: Timing
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.kill()
        process.wait(30)

    def start(self, *names: str) -> None:
        timing = json.dumps({name: getattr(self.timing, name) for name in Timing.__slots__})
        module = [sys.executable, "-m", "tests.cluster.candidate"]
        for name in names:
            command = [*module, str(self.plane.kubeconfig), name, str(self.log), timing]
            self.running[name] = subprocess.Popen(command)  # noqa: S603 - ourselves

    def close(self) -> None:
        for name in tuple(self.running):
            self.kill(name)

    @property
    def sequence(self) -> list[str]:
        """Who led, one after the other."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [name for name, _ in groupby(lines)]

    @property
    def lease(self) -> dict[str, Any]:
        found: dict[str, Any] = self.plane.kubectl.get("lease", NAME, "-n", NAMESPACE)["spec"]
        return found

    def leader(self, *, other_than: str = "") -> str:
        """Whoever leads, as soon as somebody does and says so himself."""

        def find() -> str:
            last = self.sequence[-1:]
            return last[0] if last and last[0] != other_than else ""

        return wait_until(find, what="somebody leads")

    def check_that_one_led_at_a_time(self) -> None:
        """Nobody led but who is counted in the Lease, and the last one is its holder."""
        sequence = self.sequence  # before the count, which only grows
        assert len(sequence) <= self.lease["leaseTransitions"] + 1

        def is_holder() -> bool:
            return bool(self.sequence[-1] == self.lease["holderIdentity"])

        wait_until(is_holder, what="the one that leads is the holder")


@contextmanager
def racing(plane: ControlPlane, log: Path, timing: Timing) -> Iterator[Race]:
    plane.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    plane.kubectl("delete", "lease", NAME, f"--namespace={NAMESPACE}", "--ignore-not-found")
    with ExitStack() as stack:
        race = Race(plane=plane, log=log, timing=timing)
        stack.callback(race.close)
        race.start("a", "b")
        yield race


def test_one_that_is_killed_is_followed_by_the_other(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    with racing(control_plane, tmp_path / "log", SHORT) as race:
        first = race.leader()
        race.kill(first)
        second = race.leader(other_than=first)
        assert second != first
        race.check_that_one_led_at_a_time()


def test_one_that_ends_in_order_is_followed_at_once(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    with racing(control_plane, tmp_path / "log", LASTING) as race:
        first = race.leader()
        race.running[first].terminate()
        assert race.running.pop(first).wait(60) == 0
        assert race.leader(other_than=first) != first
        race.check_that_one_led_at_a_time()


def test_an_api_server_that_is_gone_for_a_while_leaves_one_leader(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    with racing(control_plane, tmp_path / "log", SHORT) as race:
        race.leader()
        control_plane.api_server.kill()
        led = race.log.stat().st_size
        until_nobody_leads(race)
        control_plane.start()
        wait_until(lambda: race.log.stat().st_size > led, what="somebody leads again")
        race.check_that_one_led_at_a_time()


def until_nobody_leads(race: Race) -> None:
    sizes = [-1]

    def is_still() -> bool:
        sizes.append(race.log.stat().st_size)
        return len(sizes) > 100 and len(set(sizes[-100:])) == 1

    wait_until(is_still, what="nobody leads")
