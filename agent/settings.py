"""Flags and environment to one frozen Settings; a bad value is named and refused.

Every flag has an environment name, `REGISTRY_NODE_AGENT_<FLAG>`; the flag wins. A repeatable flag
takes several values from its variable, separated by spaces. argparse does the command line; the
environment goes through the same converters, so that both are judged by one rule.
"""

import argparse
import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.planning.hostnames import is_domain, is_label
from agent.planning.model import HostPath
from agent.planning.trust_reference import TrustReference, parse_trust_reference

ENVIRONMENT_PREFIX = "REGISTRY_NODE_AGENT_"
DEFAULT_BUNDLE = "configmap:registry-trust/registry-trust"
COMMANDS = {
    "run": "follow the registry Services and trust bundles, and keep this node right",
    "sync": "bring this node to what is asked for, once",
    "plan": "show what `sync` would change on this node; change nothing",
    "remove": "put this node back: undo everything the agent wrote",
    "doctor": "check this node end to end, one line a check; change nothing",
}
NOT_YET = {
    "crio": "CRI-O is not supported by this version",
    "docker": "Docker is not supported by this version",
    "restart-in-turn": "restarting runtimes is not supported by this version",
}
_DURATION = re.compile(r"(?P<amount>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LISTEN = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^:\[\]\s]+):(?P<port>[0-9]{1,5})")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a command may be told: the flags of DESIGN 5.

    `trust_references` maps a namespace to the bundle of its Services; "" stands for all others.
    """

    command: str
    manifests: Path
    namespaces: tuple[str, ...]
    trust_references: Mapping[str, TrustReference]
    cluster_domain: str
    host_root: Path
    listen: str
    node_name: str
    probe_interval_seconds: float
    withdraw_after: timedelta
    state_dir: HostPath
    output: str
    exit_code: bool
    apply_held: bool


def read_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Settings from a command line and its environment.

    Raises SystemExit(2), with the flag or variable named on stderr, when one cannot be used.
    """
    parser = argparse.ArgumentParser(
        prog="registry-node-agent",
        description="Makes this node pull from the cluster's own registry, over verified TLS.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=summary, allow_abbrev=False
        )
        flags = _add_flags(command)
        if name in arguments[:1]:
            command.set_defaults(**_from_environment(flags, environment, command.error))
    given = parser.parse_args(arguments)
    if given.manifests is None and given.command != "remove":
        commands.choices[given.command].error(
            "--manifests DIR is needed: this version does not watch an API server"
        )
    return _settings(given, environment)


def _settings(given: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    references = {"": parse_trust_reference(DEFAULT_BUNDLE), **dict(given.trust_bundle)}
    return Settings(
        command=given.command,
        manifests=given.manifests or Path(),
        namespaces=tuple(dict.fromkeys(given.namespace or ["registry"])),
        trust_references=references,
        cluster_domain=given.cluster_domain,
        host_root=given.host_root,
        listen=given.listen,
        node_name=given.node_name or environment.get("NODE_NAME") or socket.gethostname(),
        probe_interval_seconds=given.probe_interval,
        withdraw_after=timedelta(seconds=given.withdraw_after),
        state_dir=given.state_dir,
        output=given.output,
        exit_code=given.exit_code,
        apply_held=given.apply_held,
    )


def _add_flags(command: argparse.ArgumentParser) -> list[argparse.Action]:
    """All flags; every command takes all of them, so that one environment serves all commands."""
    add = command.add_argument
    return [
        add("--manifests", metavar="DIR", type=Path, help="follow objects in files, not an API"),
        add("--namespace", metavar="NS", action="append", default=[], type=_namespace,
            help="where registry Services may live (repeatable; default: registry)"),
        add("--trust-bundle", metavar="[NS=]REF", action="append", default=[], type=_trust_bundle,
            help=f"where the CA certificates are published (repeatable; default: {DEFAULT_BUNDLE})"),
        add("--cluster-domain", metavar="DOMAIN", default="cluster.local", type=_domain),
        add("--host-root", metavar="DIR", default=Path("/"), type=_host_root,
            help="the node's root as this process sees it"),
        add("--runtime", default="auto", type=_choice("auto", "containerd")),
        add("--layout", default="auto", type=_choice("auto", "kubeadm")),
        add("--disrupt", default="reload", type=_choice("none", "reload")),
        add("--listen", metavar="HOST:PORT", default="127.0.0.1:9808", type=_listen,
            help="serve /metrics, /livez and /readyz here"),
        add("--node-name", metavar="NAME", default=""),
        add("--probe-interval", metavar="TIME", default=300.0, type=_duration,
            help="between probes while healthy (default: 5m)"),
        add("--withdraw-after", metavar="TIME", default=600.0, type=_duration,
            help="keep a registry whose Service is gone for so long (default: 10m)"),
        add("--state-dir", metavar="DIR", default=HostPath("/var/lib/registry-node-agent"),
            type=_state_dir, help="the agent's own directory on the node"),
        add("--output", default="text", type=_choice("text", "json")),
        add("--exit-code", action="store_true", help="plan: end with 10 when there is work to do"),
        add("--apply-held", action="store_true", help="sync: apply what is held back"),
    ]


def _from_environment(
    flags: Iterable[argparse.Action],
    environment: Mapping[str, str],
    refuse: Callable[[str], Any],
) -> dict[str, object]:
    """Values of the flags that have a variable. Calls `refuse`, the variable named, on bad ones."""
    values: dict[str, object] = {}
    for flag in flags:
        variable = ENVIRONMENT_PREFIX + flag.dest.upper()
        text = environment.get(variable, "")
        if not text:
            continue
        try:
            values[flag.dest] = _convert(flag, text)
        except (argparse.ArgumentTypeError, ValueError) as error:
            refuse(f"{variable}: {error}")
    return values


def _convert(flag: argparse.Action, text: str) -> object:
    convert: Callable[[str], object] = flag.type if callable(flag.type) else _boolean
    if isinstance(flag.default, list):
        return [convert(part) for part in text.split()]
    return convert(text)


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _choice(*allowed: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in allowed:
            known = NOT_YET.get(text, f"{text!r} is not known")
            raise argparse.ArgumentTypeError(f"{known}; use one of: {', '.join(allowed)}")
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


def _state_dir(text: str) -> HostPath:
    if not text.startswith("/") or ".." in Path(text).parts or text == "/":
        raise argparse.ArgumentTypeError(f"{text!r} is no absolute path of a directory")
    return HostPath(text.rstrip("/"))


def _listen(text: str) -> str:
    match = _LISTEN.fullmatch(text)
    if match is None or int(match["port"]) > _MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return text


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 90s, 5m or 1h")
    return float(match["amount"]) * _UNIT_SECONDS[match["unit"]]
