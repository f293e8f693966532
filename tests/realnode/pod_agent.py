"""The agent's commands in a pod as deploy/ describes it, instead of beside the node's files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from tests.ground.image_builder import REPOSITORY
from tests.ground.namespaces import wait_until
from tests.ground.pods import Container, HostPath, Pods
from tests.realnode.agent_process import METRICS_PORT, Done, LiveAgent

DEPLOY = REPOSITORY / "deploy"


def pod_template() -> Mapping[str, Any]:
    """The DaemonSet's."""
    return _pod_of((DEPLOY / "base/daemonset.yaml").read_text())


def host_paths(component: str = "") -> tuple[HostPath, ...]:
    """What of the node it sees; with a component that adds to it, as its patch says."""
    paths = _mounted(pod_template())
    if not component:
        return paths
    kustomization = (DEPLOY / "components" / component / "kustomization.yaml").read_text()
    (entry,) = yaml.safe_load(kustomization)["patches"]
    return paths + _mounted(_pod_of(entry["patch"]))


def _pod_of(daemon_set: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(daemon_set)["spec"]["template"]["spec"]
    return found


def _mounted(pod: Mapping[str, Any]) -> tuple[HostPath, ...]:
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
    """The agent of one node, each command in a pod of its own; manifests lie in the node's /run.

    `component` is one of `deploy/components` that mounts more of the node.
    """

    def __init__(self, *, pods: Pods, image: str, component: str = "") -> None:
        self._pods = pods
        self._image = image
        self._host_paths = host_paths(component)

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
            host_paths=self._host_paths,
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
            host_paths=self._host_paths,
        )
