"""What is built on an API server.

Imported only by what uses one: the Kubernetes client costs about 12 MiB on every node.
"""

import threading

from agent import __version__
from agent.cluster.api import READ_SECONDS, Api
from agent.cluster.cluster_view import Wanted
from agent.cluster.connection import Connection, access_by
from agent.cluster.fleet_reader import FleetReader
from agent.cluster.kubernetes_source import KubernetesSource, OneLook
from agent.cluster.node_status import NodeStatus
from agent.node.clock import SystemClock
from agent.settings import Settings
from agent.view import Publisher, Say, View

_PLACE = "the API server"


def one_look(settings: Settings) -> View:
    """The view of the moment, whenever it is asked for."""
    source = OneLook(api=connect(settings), wanted=_wanted(settings))
    return View(source=source, place=_PLACE, directories=())


def followed(settings: Settings, *, stop: threading.Event, wake: threading.Event) -> View:
    """The view as it changes, which sets `wake`; the node's state is published there."""
    api, wanted = connect(settings), _wanted(settings)
    source = KubernetesSource(api=api, wanted=wanted, changed=wake.set, stop=stop)
    return View(
        source=source,
        place=_PLACE,
        directories=wanted.directories,
        contact=source,
        publisher=lambda say: publisher(settings, stop=stop, say=say, api=api),
    )


def publisher(
    settings: Settings, *, stop: threading.Event, say: Say, api: Api | None = None
) -> Publisher:
    """What tells the API server of the node's state, for a thread of its own."""
    return NodeStatus(
        api=api or connect(settings),
        node_name=settings.node_name,
        clock=SystemClock(),
        stop=stop,
        say=say,
    )


def fleet_reader(settings: Settings) -> FleetReader:
    """What reads the state of all nodes."""
    return FleetReader(connect(settings), SystemClock())


def connect(settings: Settings, *, read_seconds: float = READ_SECONDS) -> Api:
    """The API server that the settings name; nothing is asked yet."""
    connection = Connection(
        access_by(settings.kubeconfig), user_agent=f"registry-node-agent/{__version__}"
    )
    return Api(connection, read_seconds=read_seconds)


def _wanted(settings: Settings) -> Wanted:
    return Wanted(
        namespaces=settings.namespaces, references=tuple(settings.trust_references.values())
    )
