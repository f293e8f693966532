"""A real registry inside a node: docker-registry behind any number of TLS fronts.

docker-registry listens on a socket in the file system, so images are pushed from outside the node
without its network; the fronts are nginx, on the node's own addresses.
"""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.ground import fronts, images, programs
from tests.ground.certificates import Certificate
from tests.ground.closing import Closing
from tests.ground.fronts import IMAGES, Answers, Front
from tests.ground.images import Image
from tests.ground.namespaces import NodeProcess, NodeTroubleError, wait_until
from tests.ground.node import Node

_CONFIG = """\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {directory}/storage}}
  delete: {{enabled: true}}
http:
  net: unix
  addr: {backend}
  relativeurls: true
"""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One line of the access log."""

    front: str
    method: str
    uri: str
    status: int
    host: str
    sni: str
    agent: str


class Registry(Closing):
    """The registry of one node; it ends with `close`, or with the node."""

    def __init__(self, *, node: Node) -> None:
        """Start the registry itself; it listens nowhere yet."""
        self.node = node
        self.directory = node.root / "run/registry"
        self.directory.mkdir()
        self.backend = self.directory / "backend.sock"
        self._fronts: dict[str, Front] = {}
        self._nginx: NodeProcess | None = None
        self._backend: NodeProcess | None = None
        self.start_backend()

    def close(self) -> None:
        if self._nginx:
            self._nginx.end()
            self._nginx = None
        self.stop_backend()

    def start_backend(self) -> None:
        """Start docker-registry and wait until it listens."""
        program = programs.docker_registry()
        config = self.directory / "registry.yaml"
        config.write_text(_CONFIG.format(directory=self.directory, backend=self.backend))
        self.backend.unlink(missing_ok=True)
        with (self.directory / "registry.log").open("a") as log:
            self._backend = self.node.popen(
                [str(program.executable), "serve", str(config)],
                env=program.environment | {"OTEL_TRACES_EXPORTER": "none"},
                stdout=log,
                stderr=log,
            )
        wait_until(self._backend_answers, what="docker-registry answers")

    def stop_backend(self) -> None:
        """End docker-registry; the fronts then answer 502."""
        if self._backend:
            self._backend.end()
            self._backend = None

    @contextmanager
    def hanging(self, *, fronts: bool = False) -> Iterator[None]:
        """Accept requests and answer none until the end; with `fronts` not even a TLS greeting."""
        process = self._nginx if fronts else self._backend
        if process is None:
            raise NodeTroubleError("what is to hang does not run")
        workers = _workers(process.program_pid) if fronts else set()
        process.send_signal(signal.SIGSTOP)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
            process.send_signal(signal.SIGCONT)

    def push(self, repository: str, tag: str = "v1", *, text: str = "hello\n") -> str:
        """Push a tiny image and return its digest."""
        return self.push_image(images.text_image(text), repository, tag)

    def push_image(self, image: Image, repository: str, tag: str = "v1") -> str:
        """Push that image and return its digest."""
        return images.push(backend=self.backend, repository=repository, tag=tag, image=image)

    @property
    def fronts(self) -> Mapping[str, Front]:
        """The fronts that are open now, by name."""
        return dict(self._fronts)

    def open_front(
        self,
        name: str,
        *,
        address: str,
        certificate: Certificate,
        port: int = 443,
        answers: Answers = IMAGES,
    ) -> None:
        """Give the node the address, and listen there."""
        self.node.add_address(address)
        front = Front(address=address, port=port, certificate=certificate, answers=answers)
        self._serve({**self._fronts, name: front})

    def close_front(self, name: str) -> None:
        """Stop listening there; the node keeps the address, so connections are refused."""
        self._serve({key: front for key, front in self._fronts.items() if key != name})

    def switch_certificate(self, name: str, certificate: Certificate) -> None:
        """Serve another certificate from now on, without any moment in which nobody listens."""
        front = replace(self._fronts[name], certificate=certificate)
        self._serve({**self._fronts, name: front})

    def switch_answers(self, name: str, answers: Answers) -> None:
        """Answer in another way from now on."""
        self._serve({**self._fronts, name: replace(self._fronts[name], answers=answers)})

    def requests(self) -> tuple[Request, ...]:
        """Every request that the fronts have answered so far, in order."""
        log = self.directory / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return tuple(Request(**json.loads(line)) for line in lines)

    def _serve(self, wanted: dict[str, Front]) -> None:
        for name, front in wanted.items():
            pem = self.directory / f"{name}.pem"
            pem.write_text(front.certificate.chain_pem + front.certificate.key_pem)
            pem.chmod(0o600)
        config = self.directory / "nginx.conf"
        text = fronts.render_nginx(wanted, directory=self.directory, backend=self.backend)
        config.write_text(text)
        if self._nginx:
            self._reload(self._nginx)
        else:
            self._start()
        self._fronts = wanted

    def _command(self) -> tuple[list[str], dict[str, str]]:
        program = programs.nginx()
        place = ["-p", str(self.directory), "-c", str(self.directory / "nginx.conf")]
        log = ["-e", str(self.directory / "nginx-error.log")]
        return [str(program.executable), *place, *log], program.environment

    def _start(self) -> None:
        command, environment = self._command()
        with (self.directory / "nginx.out").open("a") as log:
            process = self.node.popen(command, env=environment, stdout=log, stderr=log)

        def is_serving() -> bool:
            if process.poll() is not None:
                raise NodeTroubleError(f"nginx ended: {self._last_words()}")
            return bool(_workers(process.program_pid))

        wait_until(is_serving, what="nginx serves")
        self._nginx = process

    def _reload(self, process: NodeProcess) -> None:
        """Reload, and wait until only new workers are left that take connections."""
        command, environment = self._command()
        checked = self.node.run([*command, "-t"], env=environment)
        if checked.returncode:
            raise NodeTroubleError(f"nginx: {checked.stderr.strip()}")
        master = process.program_pid
        old = _workers(master)
        os.kill(master, signal.SIGHUP)

        def is_new() -> bool:
            now = _workers(master)
            return bool(now) and not now & old

        try:
            wait_until(is_new, what="nginx has reloaded")
        except NodeTroubleError as trouble:
            raise NodeTroubleError(f"{trouble}: {self._last_words()}") from trouble

    def _backend_answers(self) -> bool:
        if self._backend is None or self._backend.poll() is not None:
            said = (self.directory / "registry.log").read_text()
            raise NodeTroubleError(f"docker-registry ended: {said}")
        connection = images.SocketConnection(self.backend)
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _last_words(self) -> str:
        log: Path = self.directory / "nginx-error.log"
        lines = log.read_text().splitlines() if log.exists() else ["nothing"]
        return "\n".join(line for line in lines[-20:] if "[notice]" not in line)


def _workers(master: int) -> set[int]:
    """Worker processes that take connections: not those that only finish what they began."""
    found: set[int] = set()
    for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        try:
            title = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
        if "worker process" in title and "shutting down" not in title:
            found.add(int(pid))
    return found
