"""(b) A pull by the cluster hostname, through the agent's files, against one by the bare address.

The address has a host directory written by hand, so that both verify TLS with the same CA. Before
each pull both names are removed, and with the last name the runtime drops the content.
"""

import shutil

from tests.bench.figures import Row
from tests.demo.stage import ADDRESS, HOST, IMAGE, Stage
from tests.ground.namespaces import NodeTroubleError

_WARM_UP = 2


def measure(stage: Stage, *, pulls: int) -> Row:
    """The row. The agent's files must point to ADDRESS."""
    by_address = IMAGE.replace(HOST, ADDRESS)
    shutil.copytree(stage.certs_d / HOST, stage.certs_d / ADDRESS)
    took: dict[str, list[float]] = {IMAGE: [], by_address: []}
    names = (IMAGE, by_address)
    for number in range(pulls + _WARM_UP):
        for image in names if number % 2 else reversed(names):
            for name in names:
                stage.node.remove_image(name)
            pull = stage.node.pull(image)
            if not pull.ok:
                raise NodeTroubleError(f"{image}: {pull.error}")
            took[image].append(pull.seconds * 1000)
    shutil.rmtree(stage.certs_d / ADDRESS)
    return Row(
        what="(b) CRI pull by hostname, against by IP",
        unit="ms",
        agent=took[IMAGE][_WARM_UP:],
        least=took[by_address][_WARM_UP:],
    )
