"""One probe from inside a node: `python -m tests.realnode.probe_once HOST_ROOT ADDRESS PEM_FILE`.

A probe sees the network of its own process, so the test runs it in the node's namespaces and reads
the result, one JSON object, from stdout.
"""

import json
import re
import ssl
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

from agent.node.registry_probe import RegistryProbe
from agent.planning.model import Endpoint, Route

BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def main(host_root: str, address: str, pem_file: str) -> None:
    ders = tuple(map(ssl.PEM_cert_to_DER_cert, BLOCK.findall(Path(pem_file).read_text())))
    route = Route(endpoint=Endpoint(address=ip_address(address), port=443), ders=ders)
    probe = RegistryProbe(Path(host_root), threading.Event(), retry_after=lambda: 0)
    result = probe.probe(route)
    print(  # noqa: T201 - this is the answer
        json.dumps(
            {
                "reason": result.reason,
                "strict_reason": result.strict_reason,
                "detail": result.detail,
                "reached": sorted(result.reached),
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
