"""Tells tools which registry the cluster has: the ConfigMap of KEP-1755, unless there is one.

Without `host`, the name from outside of the cluster: there is none (kubernetes/enhancements,
keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry).
"""

from agent.errors import Problem
from agent.issuer.look import Seen
from agent.planning.hostnames import cluster_hostnames
from agent.planning.service_rules import judge_service
from agent.planning.stored_objects import ConfigMapObject
from agent.trust_ports import Objects

NAMESPACE, NAME, KEY = "kube-public", "local-registry-hosting", "localRegistryHosting.v1"
HELP = "Push and pull by this name; see the README of registry-node-agent for builders."


class RegistryHosting:
    """A duty of the trust controller."""

    def __init__(self, *, objects: Objects, domain: str) -> None:
        self._objects = objects
        self._domain = domain

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """There is place for one registry: the first by name. Raises as the port does."""
        if not seen.services:
            return ()
        first = judge_service(seen.services[0].service, domain=self._domain)
        host, *_ = cluster_hostnames(first.registry, port=first.port, domain=self._domain)
        text = (
            f'hostFromClusterNetwork: "{host}"\n'
            f'hostFromContainerRuntime: "{host}"\n'
            f'help: "{HELP}"\n'
        )
        present = self._objects.config_map(NAMESPACE, NAME)
        is_free = present is None or present.is_ours
        if is_free and (present is None or present.data != {KEY: text}):
            wanted = ConfigMapObject(namespace=NAMESPACE, name=NAME, data={KEY: text})
            self._objects.put_config_map(wanted, over=present)
        return ()
