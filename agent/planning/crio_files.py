"""How CRI-O's files change without a moment in between.

The drop-in is read at a start or a reload, the certificates at every pull, from a directory named
after the endpoint (facts of source: containers/image, docker/docker_client.go). So certificates
come first, then the drop-in, then the reload; those of endpoints that nobody is sent to any more go
in a later pass, when the runtime was seen to use the new ones.
"""

from collections.abc import Mapping

from agent.planning.change import union
from agent.planning.crio_drop_in import render_drop_in
from agent.planning.crio_present import endpoint_folders, read_drop_in
from agent.planning.ledger import adopt
from agent.planning.model import CA_FILE, DROP_IN_FILE, Endpoint, RegistriesConf, Route
from agent.planning.ownership import Ours
from agent.planning.sheet import Sheet
from agent.planning.steps import RemoveDropIn, RemoveFolder, WriteDropIn


def write_files(sheet: Sheet, conf: RegistriesConf, routes: Mapping[str, Route]) -> bool:
    """The steps to these routes; whether the drop-in changes."""
    for endpoint, ders in _anchors(routes).items():
        sheet.write_anchors(conf.certificates.child(endpoint.authority), ders)
    before = read_drop_in(sheet.node, conf)
    entries = {host: route.endpoint for host, route in routes.items()}
    after = render_drop_in(entries) if entries else None
    if after is None and before is not None:
        sheet.draft.routes.append(RemoveDropIn(folder=conf.drop_ins, name=DROP_IN_FILE))
    if after is not None and after != before:
        step = WriteDropIn(folder=conf.drop_ins, name=DROP_IN_FILE, content=after)
        sheet.draft.routes.append(step)
    if before is not None and not sheet.ledger.has(conf.drop_ins, DROP_IN_FILE):
        sheet.ledger = adopt(sheet.ledger, folder=conf.drop_ins, files={DROP_IN_FILE: before})
    return after != before


def drop_unused(sheet: Sheet, conf: RegistriesConf, routes: Mapping[str, Route]) -> None:
    """The steps that remove the certificates of endpoints that nobody is sent to."""
    used = {route.endpoint for route in routes.values()}
    for folder, endpoint in endpoint_folders(sheet.node, conf):
        if endpoint not in used and isinstance(sheet.node.owner(folder), Ours):
            sheet.draft.removals.append(RemoveFolder(folder=folder, names=(CA_FILE,)))


def _anchors(routes: Mapping[str, Route]) -> Mapping[Endpoint, tuple[bytes, ...]]:
    """The certificates that each endpoint is verified with; several hostnames share one."""
    anchors: dict[Endpoint, tuple[bytes, ...]] = {}
    for route in routes.values():
        anchors[route.endpoint] = union(anchors.get(route.endpoint, ()), route.ders)
    return anchors
