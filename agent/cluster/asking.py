"""What the API server does not do, in the words of whoever does not know that there is one."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError, ConflictError, problem_of
from agent.errors import ChangedMeanwhile, ClusterTrouble


@contextmanager
def asking(api: Api, subject: str) -> Iterator[None]:
    """For as long as something is asked about `subject`.

    Raises ClusterTrouble for what fails, and ChangedMeanwhile for what came too late.
    """
    try:
        yield
    except ConflictError as conflict:
        raise ChangedMeanwhile(f"{subject}: {conflict.message}") from conflict
    except ApiError as error:
        problem = problem_of(error, server=api.server, subject=subject)
        raise ClusterTrouble(problem) from error
