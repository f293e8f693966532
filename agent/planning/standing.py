"""What a plan comes to where the node did not let all of it be done."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from agent.planning.crio_present import read_routes
from agent.planning.hostnames import registry_of
from agent.planning.model import Folder, RegistryName, Route
from agent.planning.node_view import NodeView
from agent.planning.ownership import Ours
from agent.planning.plan import Plan


def as_it_stands(plan: Plan, node: NodeView, *, unfinished: Collection[Folder]) -> Plan:
    """The plan after these folders were not brought to it; `node` is how it looks now.

    Of their registries it tells what is on disk, first in the folders that were left behind.
    """
    if node.registries_conf is not None:
        return _by_drop_in(plan, read_routes(node, node.registries_conf))
    behind = {registry_of(folder.name) for folder in unfinished}
    routes = {name: route for name, route in plan.routes.items() if name not in behind}
    hosts = {name: hosts for name, hosts in plan.hosts.items() if name not in behind}
    for folder in sorted(node.host_folders(), key=lambda folder: folder not in unfinished):
        owner, registry = node.owner(folder), registry_of(folder.name)
        if registry not in behind or registry is None or not isinstance(owner, Ours):
            continue
        if owner.route is not None and folder.name in plan.hosts.get(registry, ()):
            routes.setdefault(registry, owner.route)
            hosts[registry] = tuple(dict.fromkeys((*hosts.get(registry, ()), folder.name)))
    return replace(plan, routes=routes, hosts=hosts)


def _by_drop_in(plan: Plan, present: Mapping[str, Route | None]) -> Plan:
    """The routes that CRI-O's files describe now, of the registries that the plan is about."""
    routes: dict[RegistryName, Route] = {}
    hosts: dict[RegistryName, tuple[str, ...]] = {}
    for host, route in present.items():
        registry = registry_of(host)
        if registry is not None and registry in plan.routes and route is not None:
            routes.setdefault(registry, route)
            hosts[registry] = (*hosts.get(registry, ()), host)
    return replace(plan, routes=routes, hosts=hosts)
