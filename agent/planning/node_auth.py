"""Where a registry asks who pulls: CRI-O and Docker keep a pod's pull secret from an address.

CRI-O drops the credentials of a CRI call when a drop-in leads to another domain than the image
names (containers/image, docker/docker_image_src.go), and then looks into the node's own auth file
for that place: crio.conf, `global_auth_file`. So that file must have an entry for the endpoint.
Docker drops them too where hosts.toml leads to another host (moby, daemon/containerd/resolver.go),
and has no such file.
"""

from agent.planning.docker_settings import DockerSettings
from agent.planning.model import Endpoint

_REFUSALS = (": unauthorized", "authentication required")
"""CRI-O's words for a 401: without a body, with one, and with one that has details."""


def asks_who_pulls(words: str) -> bool:
    """Whether these words of CRI-O say that the registry answered, and wants to know who asks."""
    return any(text in words for text in _REFUSALS)


def docker_may_not_say_who_pulls(docker: DockerSettings | None, words: str) -> bool:
    """Whether a registry wants to know who asks, and Docker has no way to tell it."""
    by_address = docker is not None and not docker.trust_only
    return by_address and "may require authorization" in words


def auth_entry(endpoint: Endpoint) -> str:
    """What the node's auth file must hold for an endpoint, as JSON; the secret is left to fill."""
    return f'{{"auths": {{"{endpoint.authority}": {{"auth": "BASE64 OF NAME:PASSWORD"}}}}}}'
