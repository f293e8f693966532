"""Copies of the bundle in the namespaces that ask for one: a pod mounts only what is in its own.

A namespace that no longer asks keeps its copy as it is then.
"""

from agent.errors import BadInput, ClusterTrouble, Problem
from agent.issuer.look import Seen
from agent.planning.published_bundle import NAME, NAMESPACE, is_published
from agent.planning.stored_objects import ConfigMapObject
from agent.planning.trust_sources import TRUST_LABEL
from agent.trust_ports import Objects, Sources


class BundleCopies:
    """A duty of the trust controller."""

    def __init__(self, *, objects: Objects, sources: Sources) -> None:
        self._objects = objects
        self._sources = sources

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """One that cannot be written keeps no other from it. Raises as the ports do."""
        data, problems = seen.wanted_bundle.data, []
        for namespace in self._sources.namespaces(TRUST_LABEL):
            if namespace == NAMESPACE:
                continue
            wanted = ConfigMapObject(namespace=namespace, name=NAME, data=data)
            present = self._objects.config_map(namespace, NAME)
            if present is not None and present.is_ours and is_published(present, wanted):
                continue
            try:
                self._objects.put_config_map(wanted, over=present)
            except (BadInput, ClusterTrouble) as trouble:
                problems.append(trouble.problem)
        return tuple(problems)
