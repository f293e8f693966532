"""Copies of the bundle in the namespaces that ask for one: a pod mounts only what is in its own.

A namespace that no longer asks keeps its copy as it is then.
"""

from agent.errors import BadInput, ClusterTrouble, Problem
from agent.issuer.look import Seen
from agent.planning.node_state import PREFIX
from agent.planning.published_bundle import NAME, NAMESPACE, is_published
from agent.planning.stored_objects import ConfigMapObject
from agent.trust_ports import Objects, Sources

LABEL = PREFIX + "trust"


class BundleCopies:
    """A duty of the trust controller."""

    def __init__(self, *, objects: Objects, sources: Sources) -> None:
        self._objects = objects
        self._sources = sources

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """One that cannot be written keeps no other from it. Raises as the ports do."""
        problems = []
        for namespace in self._sources.namespaces(LABEL):
            if namespace == NAMESPACE:
                continue
            wanted = ConfigMapObject(namespace=namespace, name=NAME, data=seen.wanted_bundle.data)
            present = self._objects.config_map(namespace, NAME)
            if present is not None and present.is_ours and is_published(present, wanted):
                continue
            try:
                self._objects.put_config_map(wanted, over=present)
            except (BadInput, ClusterTrouble) as trouble:
                problems.append(trouble.problem)
        return tuple(problems)
