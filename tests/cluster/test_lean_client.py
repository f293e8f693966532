"""What of the Kubernetes client is imported, and that whoever wants the whole of it gets it."""

import json
import subprocess
import sys

SPARED = {"requests", "requests_oauthlib", "oauthlib", "websocket", "yaml", "tomlkit"}

_RUN = "import agent.__main__, agent.cluster.kubernetes_source; "
_TELL = "import sys, json; print(json.dumps(list(sys.modules)))"
_WHOLE = """
import kubernetes, kubernetes.client, kubernetes.config
from agent.cluster import lean_client
assert kubernetes.client.ApiClient is lean_client.ApiClient
assert kubernetes.config.ConfigException is lean_client.ConfigException
assert kubernetes.config.load_kube_config and kubernetes.watch.Watch and kubernetes.utils
"""


def modules_after(program: str) -> set[str]:
    command = [sys.executable, "-c", program + _TELL]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return set(json.loads(done.stdout))


def test_a_pod_is_spared_what_it_never_runs() -> None:
    loaded = modules_after(_RUN)
    assert "kubernetes.client.api_client" in loaded
    assert loaded & SPARED == set()
    assert "kubernetes" not in loaded, "a package that was not executed must not stay"


def test_whoever_wants_the_whole_gets_it_before_and_after() -> None:
    assert "requests" in modules_after(_RUN + _WHOLE)
    assert "requests" in modules_after("import kubernetes; " + _RUN + _WHOLE)
