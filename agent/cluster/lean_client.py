"""The parts of the Kubernetes client that are used here, without what its packages import besides.

A package's `__init__` imports for everybody who may use it: OAuth, web sockets, a second HTTP
library, the dynamic client. That is 7 MiB on every node, for code that never runs there. So the
packages stand in `sys.modules` unexecuted while the modules below them are imported, and are taken
away again: whoever imports `kubernetes` later, as a kubeconfig makes us do, gets the whole of it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec

_PACKAGES = ("kubernetes", "kubernetes.config", "kubernetes.utils")


@contextmanager
def _unexecuted(names: tuple[str, ...]) -> Iterator[None]:
    """Packages that can only be looked into, for as long as the block lasts."""
    placed = []
    for name in names:
        if name not in sys.modules:
            spec = find_spec(name)
            if spec is None:
                raise ModuleNotFoundError(name=name)
            sys.modules[name] = module_from_spec(spec)
            placed.append(name)
    try:
        yield
    finally:
        for name in placed:
            del sys.modules[name]


with _unexecuted(_PACKAGES):
    from kubernetes.client.api_client import ApiClient
    from kubernetes.client.configuration import Configuration
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.incluster_config import (
        SERVICE_CERT_FILENAME,
        SERVICE_TOKEN_FILENAME,
        InClusterConfigLoader,
    )

__all__ = (
    "SERVICE_CERT_FILENAME",
    "SERVICE_TOKEN_FILENAME",
    "ApiClient",
    "ApiException",
    "ConfigException",
    "Configuration",
    "InClusterConfigLoader",
)
