"""`remove --stay` as a pod: the node is put back, its Lease says so, and the process waits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ground.namespaces import wait_until
from tests.manifests.agents import Live, call, events, live, wait_for_state
from tests.manifests.cluster import OWN, Cluster

IMPATIENT = """
import sys
from agent import __main__, removal_command
removal_command.AGAIN_SECONDS = removal_command.RETRY_SECONDS = 0.2
sys.exit(__main__.main())
"""


@contextmanager
def staying(root: Path, kubeconfig: Path | str) -> Iterator[Live]:
    with live("remove", root, "--stay", "--kubeconfig", str(kubeconfig)) as process:
        yield process


@contextmanager
def staying_impatiently(root: Path, kubeconfig: Path) -> Iterator[Live]:
    """One that looks again every moment instead of every ten minutes."""
    flags = ("--stay", "--kubeconfig", str(kubeconfig))
    with live("remove", root, *flags, program=("-c", IMPATIENT)) as process:
        yield process


@contextmanager
def running(root: Path, kubeconfig: Path) -> Iterator[Live]:
    with live("run", root, "--kubeconfig", str(kubeconfig)) as process:
        wait_until(lambda: process.get("/readyz")[0] == 200, what="the first pass has ended")
        yield process


def is_put_back(process: Live) -> bool:
    return process.get("/readyz") == (200, "put back\n")


@pytest.mark.realcluster
class TestOnACluster:
    def test_the_lease_says_removed_and_a_second_time_changes_nothing(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        root, kubeconfig = tmp_path / "root", cluster.agent_kubeconfig(OWN)
        with running(root, kubeconfig):
            wait_for_state(cluster, OWN, "unsupported")
        assert (root / "var/lib/registry-node-agent").is_dir()
        for _ in range(2):
            with staying(root, kubeconfig) as process:
                wait_until(lambda p=process: is_put_back(p), what="it is put back")
                wait_for_state(cluster, OWN, "removed")
                assert process.get("/livez")[0] == 200
                wait_until(lambda: "RegistryRemoved" in events(cluster, OWN), what="it is shown")
                assert process.end() == 0
            assert {path.name for path in root.iterdir()} == {"log"}
        assert events(cluster, OWN).count("RegistryRemoved") == 1
        admin = ("--kubeconfig", str(cluster.plane.kubeconfig))
        lines = call("fleet", *admin).stdout.splitlines()
        assert [OWN, "removed"] in [line.split()[:2] for line in lines]

    def test_beside_a_live_run_it_waits_and_says_why(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        root, kubeconfig = tmp_path / "root", cluster.agent_kubeconfig(OWN)
        with running(root, kubeconfig), staying(root, kubeconfig) as process:
            wait_until(lambda: "another-agent" in process.problems(), what="it is told")
            wait_until(lambda: process.get("/livez")[0] == 200, what="it listens")
            assert process.get("/readyz") == (503, "not put back yet\n")
            wait_for_state(cluster, OWN, "degraded")

    def test_a_run_that_comes_later_is_met_and_removed_is_said_no_more_until_it_has_gone(
        self, cluster: Cluster, tmp_path: Path
    ) -> None:
        root, kubeconfig = tmp_path / "root", cluster.agent_kubeconfig(OWN)
        with staying_impatiently(root, kubeconfig) as process:
            wait_for_state(cluster, OWN, "removed")
            with live("run", root, "--manifests", str(tmp_path)):
                wait_for_state(cluster, OWN, "degraded")
            wait_for_state(cluster, OWN, "removed")
            assert process.problems() == ["another-agent"]


class TestWithoutACluster:
    @pytest.fixture
    def nowhere(self, tmp_path: Path) -> Path:
        """A kubeconfig that leads to nobody."""
        path = tmp_path / "kubeconfig"
        path.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
            "contexts: [{name: x, context: {cluster: x, user: x}}]\n"
            "clusters: [{name: x, cluster: {server: 'https://127.0.0.1:1'}}]\n"
            "users: [{name: x, user: {token: x}}]\n"
        )
        return path

    def test_the_node_is_put_back_all_the_same(self, tmp_path: Path, nowhere: Path) -> None:
        with staying(tmp_path / "root", nowhere) as process:
            wait_until(lambda: is_put_back(process), what="it is put back")
            wait_until(lambda: process.problems() == ["api-unreachable"], what="it is told")
            assert process.end() == 0

    def test_its_metrics_say_nothing_of_being_in_sync(self, tmp_path: Path, nowhere: Path) -> None:
        with staying(tmp_path / "root", nowhere) as process:
            wait_until(lambda: is_put_back(process), what="it is put back")
            status, text = process.get("/metrics")
            assert status == 200
            assert "registry_agent_build_info" in text
            assert "registry_agent_in_sync" not in text

    def test_a_removal_that_fails_is_tried_again_until_it_is_asked_to_end(
        self, tmp_path: Path, nowhere: Path
    ) -> None:
        root = tmp_path / "root"
        (root / "var/lib").mkdir(parents=True)
        (root / "var/lib/registry-node-agent").touch()
        with staying(root, nowhere) as process:
            wait_until(lambda: "host-taken" in process.problems(), what="it is told")
            wait_until(lambda: process.get("/readyz")[0] == 503, what="it says that it is not")
            assert process.end() == 0

    def test_what_comes_back_is_put_back_again_and_a_run_is_met(
        self, tmp_path: Path, nowhere: Path
    ) -> None:
        root = tmp_path / "root"
        with staying_impatiently(root, nowhere) as process:
            wait_until(lambda: is_put_back(process), what="it is put back")
            with live("run", root, "--manifests", str(tmp_path)):
                wait_until(lambda: "another-agent" in process.problems(), what="it is told")
                refusal = (503, "not put back yet\n")
                wait_until(lambda: process.get("/readyz") == refusal, what="it is not ready")
            wait_until(lambda: is_put_back(process), what="it is put back again")
            assert process.end() == 0
        assert {path.name for path in root.iterdir()} == {"log"}

    def test_without_stay_it_ends(self, tmp_path: Path) -> None:
        done = call("remove", "--host-root", str(tmp_path))
        assert (done.returncode, done.stdout) == (0, "nothing of ours is here\n")
