"""kube-controller-manager and kube-scheduler: what makes Pods of DaemonSets, and places them.

They have no endpoint of their own here; that they work shows in what they do.
"""

from tests.ground import programs
from tests.ground.closing import Starting
from tests.ground.control_plane import ControlPlane
from tests.ground.server import Server


class Controllers(Starting):
    """Both, beside one control plane."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._servers = (
            self._server("kube-controller-manager", f"--root-ca-file={plane.directory}/ca.crt"),
            self._server("kube-scheduler"),
        )

    def start(self) -> None:
        for server in self._servers:
            server.start()

    def close(self) -> None:
        for server in self._servers:
            server.kill()

    def _server(self, name: str, *arguments: str) -> Server:
        return Server(
            command=[
                str(programs.kubernetes(name).executable),
                f"--kubeconfig={self._plane.kubeconfig}",
                "--leader-elect=false",
                "--secure-port=0",
                *arguments,
            ],
            place=self._plane.place,
            log=self._plane.directory / f"{name}.log",
            is_ready=self._has_default_account,
        )

    def _has_default_account(self) -> bool:
        return self._plane.kubectl.call("get", "serviceaccount", "default").returncode == 0
