"""Who may push: made here, checked by the registry, given to builders in the namespaces that ask.

`registry-push-passwords` beside the CA has them in the clear, one `name:password` each under
`current`, `next` and `previous`. The registry gets hashes of all of them (htpasswd), builders the
current one in the form that they all read (`kubernetes.io/dockerconfigjson`).
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from secrets import token_hex, token_urlsafe
from typing import assert_never

from agent.errors import BadInput, ClusterTrouble, Problem
from agent.issuer.look import Seen
from agent.planning.hostnames import cluster_hostnames
from agent.planning.node_state import PREFIX
from agent.planning.published_bundle import NAMESPACE, moment, read_moment
from agent.planning.push_rotation import PushAges, PushStep, next_push_step
from agent.planning.service_rules import judge_service
from agent.planning.stored_objects import DOCKER_CONFIG, OPAQUE, SecretObject, check_ours
from agent.planning.trust_model import Lifetimes
from agent.planning.trust_sources import PUSH_LABEL
from agent.trust_ports import Objects, Sources

PASSWORDS_NAME, NAME = "registry-push-passwords", "registry-push"
SINCE = PREFIX + "since"
HTPASSWD_KEY, CONFIG_KEY = "htpasswd", ".dockerconfigjson"

_CURRENT, _NEXT, _PREVIOUS = "current", "next", "previous"
_NOTHING = SecretObject(namespace=NAMESPACE, name=PASSWORDS_NAME)


class PushPasswords:
    """A duty of the trust controller."""

    def __init__(
        self, *, objects: Objects, sources: Sources, lifetimes: Lifetimes, domain: str
    ) -> None:
        self._objects = objects
        self._sources = sources
        self._lifetimes = lifetimes
        self._domain = domain

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """One step, and then everything as it says. Raises ClusterTrouble and ChangedMeanwhile."""
        present = self._objects.secret(NAMESPACE, PASSWORDS_NAME)
        check_ours(present)
        step = next_push_step(_ages(present), now=seen.now, lifetimes=self._lifetimes)
        if step is not None:
            wanted = _after(step, present or _NOTHING, now=seen.now)
            present = self._objects.put_secret(wanted, over=present)
        passwords = present.data if present else {}
        return tuple(self._put_all(self._wanted(passwords, seen)))

    def _wanted(self, passwords: Mapping[str, bytes], seen: Seen) -> Iterator[SecretObject]:
        """One Secret of a namespace, which may be both a registry's and a builder's."""
        registries = {item.service.registry.namespace for item in seen.services}
        builders = set(self._sources.namespaces(PUSH_LABEL))
        htpasswd = {HTPASSWD_KEY: _htpasswd(passwords)}
        config = {CONFIG_KEY: _docker_config(passwords[_CURRENT], hosts=self._hosts(seen))}
        for namespace in sorted(registries | builders):
            yield SecretObject(
                namespace=namespace,
                name=NAME,
                type=OPAQUE if namespace in registries else DOCKER_CONFIG,
                data=(htpasswd if namespace in registries else {})
                | (config if namespace in builders else {}),
            )

    def _hosts(self, seen: Seen) -> Iterator[str]:
        for item in seen.services:
            good = judge_service(item.service, domain=self._domain)
            yield from cluster_hostnames(good.registry, port=good.port, domain=self._domain)

    def _put_all(self, secrets: Iterable[SecretObject]) -> Iterator[Problem]:
        """One that cannot be written keeps no other from being written."""
        for wanted in secrets:
            present = self._objects.secret(wanted.namespace, wanted.name)
            if present is not None and present.is_ours and present.data == wanted.data:
                continue
            try:
                self._objects.put_secret(wanted, over=present)
            except (BadInput, ClusterTrouble) as trouble:
                yield trouble.problem


def _ages(present: SecretObject | None) -> PushAges:
    if present is None:
        return PushAges()
    return PushAges(
        has_current=bool(present.data.get(_CURRENT)),
        has_next=bool(present.data.get(_NEXT)),
        has_previous=bool(present.data.get(_PREVIOUS)),
        since=read_moment(present.annotations.get(SINCE, "")),
    )


def _after(step: PushStep, present: SecretObject, *, now: datetime) -> SecretObject:
    data = dict(present.data)
    match step:
        case PushStep.BEGIN:
            data = {_CURRENT: _new(now)}
        case PushStep.ADD_NEXT:
            data[_NEXT] = _new(now)
        case PushStep.SWITCH:
            data = {_PREVIOUS: data[_CURRENT], _CURRENT: data[_NEXT]}
        case PushStep.DROP_PREVIOUS:
            del data[_PREVIOUS]
        case _:
            assert_never(step)
    return replace(present, data=data, annotations={SINCE: moment(now)})


def _new(now: datetime) -> bytes:
    return f"builder-{now.date().isoformat()}-{token_hex(3)}:{token_urlsafe(32)}".encode()


def _htpasswd(passwords: Mapping[str, bytes]) -> bytes:
    """One line for each name, as nginx reads it (ngx_crypt.c, {SSHA}); always the same bytes.

    A random password of 256 bits needs no slow hash.
    """
    lines = []
    for pair in sorted(passwords.values()):
        name, _, password = pair.partition(b":")
        salt = hashlib.sha256(pair).digest()[:8]
        digest = hashlib.sha1(password + salt, usedforsecurity=False).digest()
        lines.append(name + b":{SSHA}" + b64encode(digest + salt) + b"\n")
    return b"".join(lines)


def _docker_config(pair: bytes, *, hosts: Iterable[str]) -> bytes:
    entry = {"auth": b64encode(pair).decode()}
    return json.dumps({"auths": dict.fromkeys(sorted(hosts), entry)}).encode()
