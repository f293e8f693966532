"""All flags in one table: name, environment variable, default, converter, help.

A repeatable flag takes several values from its variable, separated by spaces. The environment goes
through the same converters as the command line, so that both are judged by one rule.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.flag_values import (
    boolean,
    choice,
    domain,
    duration,
    host_root,
    interval,
    kubeconfig,
    listen,
    namespace,
    state_dir,
    trust_bundle,
)
from agent.planning.layouts import AUTO, NAMES
from agent.planning.listen_address import ListenAddress
from agent.planning.model import HostPath

ENVIRONMENT_PREFIX = "REGISTRY_NODE_AGENT_"
DEFAULT_BUNDLE = "configmap:registry-trust/registry-trust"


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
        convert=kubeconfig,
        help="how to reach the API server (default: as a pod does, by its service account)",
    ),
    Flag(
        name="namespace",
        metavar="NS",
        default=["registry"],
        convert=namespace,
        repeatable=True,
        help="where registry Services may live (repeatable; default: registry)",
    ),
    Flag(
        name="trust-bundle",
        metavar="[NS=]REF",
        default=[],
        convert=trust_bundle,
        repeatable=True,
        help=f"where the CA certificates are published (repeatable; default: {DEFAULT_BUNDLE})",
    ),
    Flag(
        name="cluster-domain",
        metavar="DOMAIN",
        default="cluster.local",
        convert=domain,
        help="the cluster's DNS domain (default: cluster.local)",
    ),
    Flag(
        name="host-root",
        metavar="DIR",
        default=Path("/"),
        convert=host_root,
        help="the node's root as this process sees it (default: /)",
    ),
    Flag(
        name="runtime",
        metavar="NAME",
        default="auto",
        convert=choice("auto", "containerd", "crio", "docker"),
        help="the container runtime: auto (default), containerd, crio, docker",
    ),
    Flag(
        name="layout",
        metavar="NAME",
        default=AUTO,
        convert=choice(AUTO, *NAMES),
        help=f"the distribution: {AUTO} (default), {', '.join(NAMES)}",
    ),
    Flag(
        name="disrupt",
        metavar="HOW",
        default="reload",
        convert=choice("none", "reload", "restart-in-turn"),
        help=(
            "how far the runtime may be disturbed: none, reload (of CRI-O, interrupts nothing), "
            "restart-in-turn (not for `run` in this version)"
        ),
    ),
    Flag(
        name="listen",
        metavar="HOST:PORT",
        default=ListenAddress(host="127.0.0.1", port=9808),
        convert=listen,
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
        convert=interval,
        help="time between probes while in sync (default: 5m)",
    ),
    Flag(
        name="withdraw-after",
        metavar="TIME",
        default=600.0,
        convert=duration,
        help="how long to keep a registry whose Service is gone (default: 10m)",
    ),
    Flag(
        name="state-dir",
        metavar="DIR",
        default=HostPath("/var/lib/registry-node-agent"),
        convert=state_dir,
        help="the agent's own directory on the node (default: /var/lib/registry-node-agent)",
    ),
    Flag(
        name="output",
        metavar="FORM",
        default="text",
        convert=choice("text", "json"),
        help="plan, doctor, fleet: text (default) or json",
    ),
    Flag(
        name="exit-code",
        default=False,
        convert=boolean,
        help="plan: end with status 10 when there is something to do",
    ),
    Flag(
        name="watch",
        default=False,
        convert=boolean,
        help="fleet: show it again and again",
    ),
    Flag(
        name="stay",
        default=False,
        convert=boolean,
        help="remove: then say so in the node's Lease, serve /livez and /readyz, wait for SIGTERM",
    ),
    Flag(
        name="apply-held",
        default=False,
        convert=boolean,
        help="sync, plan: apply what is held back, though it fails its probe",
    ),
    Flag(
        name="ca-lifetime",
        metavar="TIME",
        default=730 * 86400.0,
        convert=interval,
        help="issue: how long a CA lasts; it is replaced at half of it (default: 730d)",
    ),
    Flag(
        name="certificate-lifetime",
        metavar="TIME",
        default=90 * 86400.0,
        convert=interval,
        help="issue: how long a certificate lasts; renewed at two thirds (default: 90d)",
    ),
    Flag(
        name="soak",
        metavar="TIME",
        default=86400.0,
        convert=duration,
        help="issue: least time from a CA's publication to its first certificate (default: 24h)",
    ),
    Flag(
        name="wait-for-silent",
        metavar="TIME",
        default=14 * 86400.0,
        convert=duration,
        help="issue: how long a silent node keeps the switch to a new CA waiting (default: 14d)",
    ),
    Flag(
        name="rotate-now",
        default=False,
        convert=boolean,
        help="issue: ask the running controller to replace and revoke a compromised CA, and end",
    ),
)
"""Every command takes every flag, so that one environment serves them all."""
