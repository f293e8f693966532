"""A real containerd inside a node, seeing the node's own /etc, /var and /run and nothing else."""

from tests.ground.daemon import CriDaemon
from tests.ground.namespaces import Namespaces, NodeTroubleError
from tests.ground.programs import Program

SOCKET = "run/containerd/containerd.sock"
LOG = "run/containerd.log"
PAUSE = "localhost/pause:1"  # what holds a pod's namespaces open
CERTS_D = "/etc/containerd/certs.d"


def default_config(version: str, *, config_path: str = CERTS_D) -> str:
    """The least config.toml with which that containerd reads host directories."""
    if version.startswith("1."):
        head, table = "version = 2", 'plugins."io.containerd.grpc.v1.cri".registry'
    else:
        head, table = "version = 3", 'plugins."io.containerd.cri.v1.images".registry'
    return f'{head}\n\n[{table}]\n  config_path = "{config_path}"\n'


def pod_config(version: str) -> str:
    """`default_config`, for containers too; a machine may lack the right to lower an OOM score."""
    if version.startswith("1."):
        runtime = 'plugins."io.containerd.grpc.v1.cri"'
        sandbox = f'sandbox_image = "{PAUSE}"\n'
    else:
        runtime = 'plugins."io.containerd.cri.v1.runtime"'
        images = 'plugins."io.containerd.cri.v1.images".pinned_images'
        sandbox = f'\n[{images}]\n  sandbox = "{PAUSE}"\n'
    head = f"[{runtime}]\n  restrict_oom_score_adj = true\n"
    return f"{default_config(version)}\n{head}  {sandbox}"


class Containerd(CriDaemon):
    """One containerd: started, stopped and asked through its own socket."""

    def __init__(self, program: Program, *tools: Program, namespaces: Namespaces) -> None:
        super().__init__(program, *tools, namespaces=namespaces, log=LOG, socket=SOCKET)

    def config_dump(self, *arguments: str) -> str:
        """The configuration as containerd, called with these flags, reads it from the files."""
        command = [self._executable, *arguments, "config", "dump"]
        done = self.namespaces.run(command, env=self._environment, chroot=True)
        if done.returncode:
            raise NodeTroubleError(f"containerd config dump: {done.stderr.strip()}")
        return done.stdout
