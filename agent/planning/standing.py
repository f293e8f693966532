"""What a plan comes to where the node did not let all of it be done."""

from collections.abc import Collection
from dataclasses import replace

from agent.planning.hostnames import registry_of
from agent.planning.model import Folder
from agent.planning.node_view import NodeView
from agent.planning.ownership import Ours
from agent.planning.plan import Plan


def as_it_stands(plan: Plan, node: NodeView, *, unfinished: Collection[Folder]) -> Plan:
    """The plan after these folders were not brought to it; `node` is how it looks now.

    Of their registries it tells what is on disk, first in the folders that were left behind.
    """
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
