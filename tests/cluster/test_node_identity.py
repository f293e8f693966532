"""Who we are is known, or cannot be asked; a server that is busy is asked again later."""

import pytest

from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.node_identity import REVIEWS, NodeIdentity, find_identity
from tests.cluster.fake_api import FakeApi, refusal

NODE = "/api/v1/nodes/node-1"


def api() -> FakeApi:
    """With a Node, and for a token that is bound to none."""
    return FakeApi(node="", objects={NODE: {"metadata": {"name": "node-1", "uid": "uid-1"}}})


@pytest.mark.parametrize("status", [403, 404])
def test_who_may_not_ask_goes_by_the_name(status: int) -> None:
    asked = api()
    asked.failing[REVIEWS] = refusal(status)
    assert find_identity(asked, node_name="node-1") == NodeIdentity(name="node-1", uid="uid-1")


@pytest.mark.parametrize("status", [403, 404])
def test_a_node_that_may_not_be_seen_has_no_uid(status: int) -> None:
    asked = api()
    asked.failing[NODE] = refusal(status)
    assert find_identity(asked, node_name="node-1") == NodeIdentity(name="node-1", uid="")


@pytest.mark.parametrize("path", [REVIEWS, NODE])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_nobody_is_guessed_because_a_server_is_busy(path: str, status: int) -> None:
    asked = api()
    asked.failing[path] = refusal(status)
    with pytest.raises(ApiRefusedError, match=str(status)):
        find_identity(asked, node_name="node-1")
