"""What is told of a refusal is what a person can do about it."""

import pytest

from agent.cluster.api_errors import problem_of
from agent.errors import Reason
from tests.cluster.fake_api import DOWN, refusal

SERVER, SUBJECT = "https://10.96.0.1", "Lease registry-node-agent/node-1"


@pytest.mark.parametrize(
    ("statuses", "reason"),
    [
        ((401, 403), Reason.API_FORBIDDEN),
        ((400, 404, 409, 413, 422), Reason.API_REFUSED),
        ((0, 408, 429, 500, 503, 504), Reason.API_UNREACHABLE),
    ],
)
def test_only_a_server_that_may_answer_later_is_out_of_reach(
    statuses: tuple[int, ...], reason: Reason
) -> None:
    for status in statuses:
        problem = problem_of(refusal(status), server=SERVER, subject=SUBJECT)
        assert (problem.reason, problem.where) == (reason, SUBJECT)


def test_one_that_cannot_be_asked_is_the_same_problem_for_every_subject() -> None:
    problem = problem_of(DOWN, server=SERVER, subject=SUBJECT)
    assert (problem.reason, problem.where) == (Reason.API_UNREACHABLE, SERVER)
