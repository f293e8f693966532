"""The least that can follow a Service in an API server: one watch, no rules."""

import argparse
import json

from tests.bench.bare_api import BareApi
from tests.bench.bare_renames import BareRenames


def main() -> None:
    """Watch until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--path")
    BareApi.add_arguments(parser)
    BareRenames.add_arguments(parser)
    arguments = parser.parse_args()
    renames = BareRenames(arguments)
    api = BareApi(arguments)
    version = api.ask("GET", arguments.path)["metadata"]["resourceVersion"]
    query = f"watch=true&timeoutSeconds=3600&resourceVersion={version}"
    events = api.open("GET", f"{arguments.path}?{query}")
    arguments.ready.touch()
    while line := events.readline():
        address = json.loads(line)["object"]["spec"].get("clusterIP")
        if address:
            renames.point_to(address.encode())


if __name__ == "__main__":
    main()
