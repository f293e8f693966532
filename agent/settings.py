"""Flags and environment to one frozen Settings; a bad value is named and refused.

Every flag has an environment name, `REGISTRY_NODE_AGENT_<FLAG>`; the flag wins.
"""

import argparse
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from agent.flags import DEFAULT_BUNDLE, ENVIRONMENT_PREFIX, FLAGS
from agent.planning.listen_address import ListenAddress
from agent.planning.model import HostPath
from agent.planning.trust_model import Lifetimes
from agent.planning.trust_reference import TrustReference, parse_trust_reference

COMMANDS = {
    "run": "follow the registry Services and trust bundles, and keep this node in sync",
    "sync": "run one pass: bring this node to what is asked for",
    "plan": "show what `sync` would change on this node; change nothing",
    "remove": "put this node back: undo everything the agent wrote",
    "fleet": "show the state of all nodes, worst first, as the API server has it",
    "issue": "issue the registry's certificate, publish the CA, rotate both (the trust controller)",
    "doctor": "check this node end to end, one line per check; change nothing",
}

OF_AN_API_SERVER = frozenset({"fleet", "issue"})
"""Commands that take no manifests for it, and the kubeconfig of a person too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a command may be told, but for flags that have no effect in this version.

    `trust_references` maps a namespace to the bundle of its Services; "" stands for all others.
    """

    command: str
    manifests: Path | None
    kubeconfig: Path | None
    namespaces: tuple[str, ...]
    trust_references: Mapping[str, TrustReference]
    cluster_domain: str
    host_root: Path
    runtime: str
    layout: str
    may_reload: bool
    may_restart: bool
    listen: ListenAddress
    node_name: str
    probe_interval_seconds: float
    withdraw_after: timedelta
    state_dir: HostPath
    output: str
    exit_code: bool
    apply_held: bool
    watch: bool
    stay: bool
    lifetimes: Lifetimes
    rotate_now: bool


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
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        for flag in FLAGS:
            flag.add_to(command)
    given = vars(parser.parse_args(arguments))
    refuse = commands.choices[given["command"]].error
    values: dict[str, Any] = {flag.key: flag.default for flag in FLAGS}
    values |= _from_environment(environment, given=given, refuse=refuse)
    values |= given
    if twice := _named_twice(namespace for namespace, _ in values["trust_bundle"]):
        on_command_line = "trust_bundle" in given
        name = "--trust-bundle" if on_command_line else f"{ENVIRONMENT_PREFIX}TRUST_BUNDLE"
        refuse(f"{name}: more than one bundle for {', '.join(twice)}")
    if values["command"] in OF_AN_API_SERVER:
        values |= {"manifests": None, "kubeconfig": _of_a_person(values["kubeconfig"], environment)}
    if values["command"] == "run" and values["disrupt"] == "restart-in-turn":
        refuse(
            "--disrupt restart-in-turn: `run` takes no restart turns in this version, and without "
            "turns every node would restart its runtime at once. Use `sync`, node by node"
        )
    if values["command"] != "remove" and not _has_source(values, environment):
        refuse(
            "there is no API server to ask: this is no pod. "
            "Name one by --kubeconfig FILE, or files to read instead by --manifests DIR"
        )
    return _settings(values, environment)


def _from_environment(
    environment: Mapping[str, str],
    *,
    given: Mapping[str, object],
    refuse: Callable[[str], NoReturn],
) -> dict[str, object]:
    """The flags that have a variable. Calls `refuse`, the variable named, on a bad one.

    The variable of a flag that is `given` is not looked at: its value would not be used. An empty
    one says nothing, and so do mere spaces, but where there may be several values: those were
    meant to be a list, and the default must not slip in for it.
    """
    values: dict[str, object] = {}
    for flag in FLAGS:
        text = environment.get(flag.variable, "")
        if flag.key in given or not (text if flag.repeatable else text.strip()):
            continue
        try:
            values[flag.key] = flag.from_text(text)
        except (argparse.ArgumentTypeError, ValueError) as error:
            refuse(f"{flag.variable}: {error}")
    return values


def _named_twice(namespaces: Iterable[str]) -> list[str]:
    """What stands there more than once, in words; "" is for all namespaces without their own."""
    counted = Counter(namespaces).items()
    return [
        f"namespace {namespace}" if namespace else "all namespaces"
        for namespace, count in counted
        if count > 1
    ]


def _has_source(values: Mapping[str, object], environment: Mapping[str, str]) -> bool:
    """Whether there is something to read."""
    return any((values["manifests"], values["kubeconfig"], _is_pod(environment)))


def _is_pod(environment: Mapping[str, str]) -> bool:
    """Every pod is told of the API server."""
    return bool(environment.get("KUBERNETES_SERVICE_HOST"))


def _of_a_person(kubeconfig: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The kubeconfig that kubectl would take, too; $KUBECONFIG may be several, with colons."""
    if kubeconfig or _is_pod(environment):
        return kubeconfig
    if named := environment.get("KUBECONFIG"):
        return Path(named)
    usual = Path(environment.get("HOME", "/"), ".kube/config")
    return usual if usual.is_file() else None


def _settings(values: dict[str, Any], environment: Mapping[str, str]) -> Settings:
    default_bundle = {"": parse_trust_reference(DEFAULT_BUNDLE)}
    return Settings(
        command=values["command"],
        manifests=values["manifests"],
        kubeconfig=values["kubeconfig"],
        namespaces=tuple(dict.fromkeys(values["namespace"])),
        trust_references=default_bundle | dict(values["trust_bundle"]),
        cluster_domain=values["cluster_domain"],
        host_root=values["host_root"],
        runtime=values["runtime"],
        layout=values["layout"],
        may_reload=values["disrupt"] != "none",
        may_restart=values["disrupt"] == "restart-in-turn",
        listen=values["listen"],
        node_name=values["node_name"] or environment.get("NODE_NAME") or socket.gethostname(),
        probe_interval_seconds=values["probe_interval"],
        withdraw_after=timedelta(seconds=values["withdraw_after"]),
        state_dir=values["state_dir"],
        output=values["output"],
        exit_code=values["exit_code"],
        apply_held=values["apply_held"],
        watch=values["watch"],
        stay=values["stay"],
        lifetimes=Lifetimes(
            authority=timedelta(seconds=values["ca_lifetime"]),
            certificate=timedelta(seconds=values["certificate_lifetime"]),
            soak=timedelta(seconds=values["soak"]),
            patience=timedelta(seconds=values["wait_for_silent"]),
        ),
        rotate_now=values["rotate_now"],
    )
