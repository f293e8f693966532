"""All flags in one table: name, environment variable, default, converter, help.

A repeatable flag takes several values from its variable, separated by spaces. The environment goes
through the same converters as the command line, so that both are judged by one rule.
"""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.planning.hostnames import is_domain, is_label
from agent.planning.layouts import AUTO, NAMES
from agent.planning.listen_address import ListenAddress, parse_listen_address
from agent.planning.model import HostPath
from agent.planning.trust_reference import TrustReference, parse_trust_reference

ENVIRONMENT_PREFIX = "REGISTRY_NODE_AGENT_"
DEFAULT_BUNDLE = "configmap:registry-trust/registry-trust"
_DURATION = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m|h)")
MAX_SECONDS = 365 * 24 * 3600.0
MIN_INTERVAL_SECONDS = 1.0  # or one pass would chase the other
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag: its converter, its default, and what `--help` says. No metavar: a mere switch."""

    name: str
    default: object
    convert: Callable[[str], object]
    help: str
    metavar: str = ""
    repeatable: bool = False

    @property
    def key(self) -> str:
        """Its name among the values."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return ENVIRONMENT_PREFIX + self.key.upper()

    def add_to(self, command: argparse.ArgumentParser) -> None:
        """Let a command take it; not given, it leaves no value."""
        text = f"{self.help} [{self.variable}]"
        if not self.metavar:
            command.add_argument(
                f"--{self.name}", action="store_true", default=argparse.SUPPRESS, help=text
            )
            return
        command.add_argument(
            f"--{self.name}",
            metavar=self.metavar,
            type=self.convert,
            action="append" if self.repeatable else "store",
            default=argparse.SUPPRESS,
            help=text,
        )

    def from_text(self, text: str) -> object:
        """The value in a variable. Raises ArgumentTypeError, or ValueError."""
        if not self.repeatable:
            return self.convert(text)
        parts = text.split()
        if not parts:
            raise argparse.ArgumentTypeError("there is no value in it")
        return [self.convert(part) for part in parts]


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _choice(*allowed: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not known; use one of: {', '.join(allowed)}"
            )
        return text

    return convert


def _namespace(text: str) -> str:
    if not is_label(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be the name of a namespace")
    return text


def _domain(text: str) -> str:
    if not is_domain(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be a cluster domain")
    return text


def _trust_bundle(text: str) -> tuple[str, TrustReference]:
    namespace, equals, reference = text.partition("=")
    if not equals or not is_label(namespace):
        namespace, reference = "", text
    try:
        return namespace, parse_trust_reference(reference)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _host_root(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no directory")
    return path


def _kubeconfig(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"{text!r} is no file")
    return path


def _state_dir(text: str) -> HostPath:
    names = [name for name in text.split("/") if name not in {"", "."}]
    if not text.startswith("/") or ".." in names or not names:
        raise argparse.ArgumentTypeError(f"{text!r} is no absolute path of a directory")
    return HostPath("/" + "/".join(names))


def _listen(text: str) -> ListenAddress:
    try:
        return parse_listen_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 5m or 1h")
    seconds = float(match["amount"]) * _UNIT_SECONDS[match["unit"]]
    if seconds > MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than a year")
    return seconds


def _interval(text: str) -> float:
    seconds = _duration(text)
    if seconds < MIN_INTERVAL_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is less than a second")
    return seconds


FLAGS = (
    Flag(
        name="manifests",
        metavar="DIR",
        default=None,
        convert=Path,
        help="read Services and bundles from files in DIR instead of an API server",
    ),
    Flag(
        name="kubeconfig",
        metavar="FILE",
        default=None,
        convert=_kubeconfig,
        help="how to reach the API server (default: as a pod does, by its service account)",
    ),
    Flag(
        name="namespace",
        metavar="NS",
        default=["registry"],
        convert=_namespace,
        repeatable=True,
        help="where registry Services may live (repeatable; default: registry)",
    ),
    Flag(
        name="trust-bundle",
        metavar="[NS=]REF",
        default=[],
        convert=_trust_bundle,
        repeatable=True,
        help=f"where the CA certificates are published (repeatable; default: {DEFAULT_BUNDLE})",
    ),
    Flag(
        name="cluster-domain",
        metavar="DOMAIN",
        default="cluster.local",
        convert=_domain,
        help="the cluster's DNS domain (default: cluster.local)",
    ),
    Flag(
        name="host-root",
        metavar="DIR",
        default=Path("/"),
        convert=_host_root,
        help="the node's root as this process sees it (default: /)",
    ),
    Flag(
        name="runtime",
        metavar="NAME",
        default="auto",
        convert=_choice("auto", "containerd", "crio", "docker"),
        help="the container runtime: auto (default), containerd, crio, docker",
    ),
    Flag(
        name="layout",
        metavar="NAME",
        default=AUTO,
        convert=_choice(AUTO, *NAMES),
        help=f"the distribution: {AUTO} (default), {', '.join(NAMES)}",
    ),
    Flag(
        name="disrupt",
        metavar="HOW",
        default="reload",
        convert=_choice("none", "reload", "restart-in-turn"),
        help=(
            "how far the runtime may be disturbed: none, reload (of CRI-O, interrupts nothing), "
            "restart-in-turn (not for `run` in this version)"
        ),
    ),
    Flag(
        name="listen",
        metavar="HOST:PORT",
        default=ListenAddress(host="127.0.0.1", port=9808),
        convert=_listen,
        help="where `run` serves /metrics, /livez, /readyz (default: 127.0.0.1:9808)",
    ),
    Flag(
        name="node-name",
        metavar="NAME",
        default="",
        convert=str,
        help="this node's name (default: $NODE_NAME, else the host name)",
    ),
    Flag(
        name="probe-interval",
        metavar="TIME",
        default=300.0,
        convert=_interval,
        help="time between probes while in sync (default: 5m)",
    ),
    Flag(
        name="withdraw-after",
        metavar="TIME",
        default=600.0,
        convert=_duration,
        help="how long to keep a registry whose Service is gone (default: 10m)",
    ),
    Flag(
        name="state-dir",
        metavar="DIR",
        default=HostPath("/var/lib/registry-node-agent"),
        convert=_state_dir,
        help="the agent's own directory on the node (default: /var/lib/registry-node-agent)",
    ),
    Flag(
        name="output",
        metavar="FORM",
        default="text",
        convert=_choice("text", "json"),
        help="plan, doctor, fleet: text (default) or json",
    ),
    Flag(
        name="exit-code",
        default=False,
        convert=_boolean,
        help="plan: end with status 10 when there is something to do",
    ),
    Flag(
        name="watch",
        default=False,
        convert=_boolean,
        help="fleet: show it again and again",
    ),
    Flag(
        name="stay",
        default=False,
        convert=_boolean,
        help="remove: then say so in the node's Lease, serve /livez and /readyz, wait for SIGTERM",
    ),
    Flag(
        name="apply-held",
        default=False,
        convert=_boolean,
        help="sync, plan: apply what is held back, though it fails its probe",
    ),
)
"""Every command takes every flag, so that one environment serves them all."""
