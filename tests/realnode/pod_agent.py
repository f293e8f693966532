"""The agent's commands in a pod as deploy/ describes it, instead of beside the node's files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from tests.ground.image_builder import REPOSITORY
from tests.ground.namespaces import wait_until
from tests.ground.pods import Container, HostPath, Pods
from tests.realnode.agent_process import METRICS_PORT, Done, LiveAgent

DAEMON_SET = REPOSITORY / "deploy/base/daemonset.yaml"


def pod_template() -> Mapping[str, Any]:
    """The DaemonSet's."""
    found: Mapping[str, Any] = yaml.safe_load(DAEMON_SET.read_text())["spec"]["template"]["spec"]
    return found


def host_paths() -> tuple[HostPath, ...]:
    """What of the node it sees."""
    pod = pod_template()
    sources = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    (container,) = pod["containers"]
    return tuple(
        HostPath(
            source=sources[mount["name"]],
            path=mount["mountPath"],
            read_only=mount.get("readOnly", False),
        )
        for mount in container["volumeMounts"]
    )


class PodAgent:
    """The agent of one node, each command in a pod of its own; manifests lie in the node's /run."""

    def __init__(self, *, pods: Pods, image: str) -> None:
        self._pods = pods
        self._image = image

    def call(self, command: str, *flags: str) -> Done:
        """One command to its end. A traceback fails the test."""
        ended = self._pods.run(self._container(command, "--host-root=/host", *flags))
        if "Traceback" in ended.err:
            raise AssertionError(ended.err)
        return Done(status=ended.status, out=ended.out, err=ended.err)

    def python(self, program: str) -> Done:
        """What a program says that has what the agent has."""
        container = Container(
            image=self._image,
            command=("python3", "-c"),
            arguments=(program,),
            host_paths=host_paths(),
        )
        ended = self._pods.run(container)
        return Done(status=ended.status, out=ended.out, err=ended.err)

    @contextmanager
    def run(self) -> Iterator[LiveAgent]:
        """The DaemonSet's own command, live until the kubelet's SIGTERM, which it must heed."""
        (container,) = pod_template()["containers"]
        words = [word.replace("$(POD_IP)", "127.0.0.1") for word in container["args"]]
        with self._pods.running(self._container(*words)) as live:
            agent = LiveAgent(node=self._pods.node, process=live, port=METRICS_PORT, log=live.log)
            wait_until(agent.is_ready, what="the first pass has ended")
            yield agent
            ended = live.stop()
        assert ended.status == 0, ended
        assert "Traceback" not in ended.err

    def _container(self, *words: str) -> Container:
        return Container(
            image=self._image,
            arguments=(*words, "--manifests=/host/run/manifests"),
            host_paths=host_paths(),
        )
