"""What the API server does not do, in the words of whoever does not know that there is one."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiError, ApiRefusedError, ConflictError, problem_of, refused
from agent.cluster.objects import Document
from agent.errors import ChangedMeanwhile, ClusterTrouble

_NOT_FOUND, _CONFLICT = 404, 409


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


def patch_as_seen(api: Api, path: str, body: Document) -> Document:
    """PATCH with the version that was seen in `body`. Raises ApiError; a conflict if it is gone."""
    try:
        return api.patch(path, body)
    except ApiRefusedError as refusal:
        if refusal.status != _NOT_FOUND:
            raise
        status = {"code": _CONFLICT, "reason": "Conflict", "message": "it is gone"}
        raise refused(status) from refusal
