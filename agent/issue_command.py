"""`issue`: the trust controller. Two replicas may run; the one that holds the Lease works.

The main thread works; the Lease and the HTTP server have threads of their own. What there is to do
is looked up anew every two seconds: one process in a cluster does so, and it reads a few objects.
"""

import socket
import threading
from dataclasses import dataclass, field
from uuid import uuid4

from agent import __version__, api_server
from agent.cluster import cluster_bundle
from agent.cluster.cert_manager import CertManager
from agent.cluster.leadership import READ_SECONDS as LEASE_READ_SECONDS
from agent.cluster.leadership import Leadership
from agent.cluster.pod_notes import PodNotes
from agent.cluster.signing_requests import SigningRequests
from agent.cluster.stored_objects import Objects
from agent.cluster.trust_sources import TrustSources
from agent.ending import when_asked_to_end
from agent.errors import BadInput, ClusterTrouble
from agent.issuer.bundle_copies import BundleCopies
from agent.issuer.cluster_bundle import ClusterBundle
from agent.issuer.controller import Controller
from agent.issuer.look import Looking
from agent.issuer.ordered_certificates import OrderedCertificates
from agent.issuer.push_passwords import PushPasswords
from agent.issuer.registry_hosting import RegistryHosting
from agent.issuer.registry_pods import RegistryPods
from agent.issuer.signing import Signing
from agent.node.clock import SystemClock
from agent.planning.health import liveness
from agent.reporting.http_server import HttpServer
from agent.reporting.journal import Journal
from agent.reporting.logs import configure_logs
from agent.reporting.terminal import say
from agent.reporting.trust_journal import TrustJournal
from agent.reporting.trust_metrics import TrustMetrics
from agent.settings import Settings

POLL_SECONDS = 2.0

THE_PRICE = (
    "Asked for: the CA is replaced as fast as the nodes can follow, and then revoked.",
    "What it costs: whoever read the bundle once, as Knative's controller and running builders do,",
    "can neither pull nor push until it is restarted; a node that is silent now cannot pull until",
    "it has read the new bundle; what was signed for other servers has to be asked for again.",
    "`fleet` and the log of the trust controller tell how far it is.",
)


def issue(settings: Settings) -> int:
    """The trust controller, until SIGTERM or SIGINT (status 0), or a bug in a thread (1).

    With `--rotate-now` no more than the demand for new keys: raises ClusterTrouble and BadInput.
    """
    if settings.rotate_now:
        _controller(settings).demand()
        say(THE_PRICE)
        return 0
    configure_logs(node=settings.node_name, version=__version__)
    issuing = _Issuing(controller=_controller(settings))
    return issuing.run(settings)


def _controller(settings: Settings) -> Controller:
    api, clock = api_server.connect(settings), SystemClock()
    objects, sources = Objects(api), TrustSources(api, namespaces=settings.namespaces)
    passwords = PushPasswords(
        objects=objects,
        sources=sources,
        lifetimes=settings.lifetimes,
        domain=settings.cluster_domain,
    )
    return Controller(
        looking=Looking(
            objects=objects,
            sources=sources,
            clock=clock,
            namespaces=settings.namespaces,
            domain=settings.cluster_domain,
        ),
        objects=objects,
        fleet=api_server.fleet_reader(settings),
        clock=clock,
        lifetimes=settings.lifetimes,
        duties=(
            RegistryPods(PodNotes(api)),
            BundleCopies(objects=objects, sources=sources),
            ClusterBundle(cluster_bundle.ClusterBundle(api, clock)),
            passwords,
            Signing(SigningRequests(api), lifetimes=settings.lifetimes),
            OrderedCertificates(CertManager(api, namespaces=settings.namespaces)),
            RegistryHosting(objects=objects, domain=settings.cluster_domain),
        ),
    )


@dataclass(slots=True, kw_only=True)
class _Issuing:
    """The threads of `issue`, and its passes."""

    controller: Controller
    clock: SystemClock = field(default_factory=SystemClock)
    stop: threading.Event = field(default_factory=threading.Event)
    wake: threading.Event = field(default_factory=threading.Event)
    journal: Journal = field(default_factory=Journal)
    told: TrustJournal = field(default_factory=TrustJournal)
    bugs: list[BaseException | None] = field(default_factory=list)
    beat: float = 0.0

    def run(self, settings: Settings) -> int:
        """Until asked to end. Returns the exit status."""
        leadership = Leadership(
            api_server.connect(settings, read_seconds=LEASE_READ_SECONDS),
            identity=f"{socket.gethostname()}_{uuid4()}",
            clock=self.clock,
            changed=self.wake.set,
        )
        metrics = TrustMetrics(version=__version__, is_leader=lambda: leadership.is_leader)
        threading.excepthook = self._crash
        when_asked_to_end(self._end)
        self.beat = self.clock.monotonic()
        self._serve(settings, metrics)
        leadership.start()
        self.journal.started({"listen": str(settings.listen)})
        while not self.stop.is_set():
            self.wake.clear()
            self.beat = self.clock.monotonic()
            if leadership.is_leader:
                self._pass(leadership, metrics)
            elif leadership.problem is not None:
                self.told.troubled(leadership.problem)
            self.wake.wait(POLL_SECONDS)
        leadership.close()
        self.journal.stopped()
        return 1 if self.bugs else 0

    def live(self) -> tuple[bool, str]:
        """Whether the passes go on."""
        return liveness(now=self.clock.monotonic(), last_beat=self.beat)

    def ready(self) -> tuple[bool, str]:
        """A replica that does not work is ready to."""
        return True, "here"

    def _pass(self, leadership: Leadership, metrics: TrustMetrics) -> None:
        try:
            report = self.controller.settle()
        except (ClusterTrouble, BadInput) as trouble:
            self.told.troubled(trouble.problem)
            metrics.record_trouble(trouble.problem)
            return
        leadership.tell(phase=str(report.view.phase), progress=report.progress)
        self.told.reported(report)
        metrics.record(report)

    def _serve(self, settings: Settings, metrics: TrustMetrics) -> None:
        server = HttpServer(
            address=settings.listen,
            metrics=metrics,
            live=self.live,
            ready=self.ready,
            stop=self.stop,
            say=self.journal.problem,
        )
        threading.Thread(name="http", target=server.run, daemon=True).start()

    def _crash(self, thread: threading.ExceptHookArgs) -> None:
        """A bug in a thread ends the process."""
        self.bugs.append(thread.exc_value)
        if thread.exc_value is not None:
            self.journal.crashed(thread.exc_value)
        self._end()

    def _end(self) -> None:
        self.stop.set()
        self.wake.set()
