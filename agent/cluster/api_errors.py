"""How a request to the API server fails: no whole answer came, or the answer is a refusal."""

from collections.abc import Mapping

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from agent.cluster.objects import Document
from agent.errors import Problem, Reason

MAX_RETRY_AFTER_SECONDS = 300.0

_CONFLICT = 409
_DENIED = frozenset({401, 403})
_LATER = frozenset({408, 429})
_AS_IT_IS_ASKED = range(400, 500)


class ApiError(Exception):
    """The API server could not be asked, or did not do what it was asked."""


class ApiUnreachableError(ApiError):
    """No whole answer came, for whatever reason; `detail` has the words of what failed."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ApiSilentError(ApiUnreachableError):
    """Not a byte came for as long as one may be waited for."""


class ApiRefusedError(ApiError):
    """An answer whose status is not success, or an ERROR event of a watch.

    `status` is the HTTP status, `reason` and `message` are the API server's own;
    `retry_after_seconds` is 0 when it did not say when to come back.
    """

    def __init__(
        self, *, status: int, reason: str, message: str, retry_after_seconds: float = 0.0
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class ConflictError(ApiRefusedError):
    """The object is not as it was when it was looked at, or is there already: look again."""


def problem_of(error: ApiError, *, server: str, subject: str) -> Problem:
    """An error as it is reported; `subject` names what was asked for.

    That the server is out of reach is the same problem, whatever it was to be asked for.
    """
    if not isinstance(error, ApiRefusedError):
        return Problem(reason=Reason.API_UNREACHABLE, where=server, detail=str(error))
    return Problem(reason=_reason_of(error.status), where=subject, detail=str(error))


def _reason_of(status: int) -> Reason:
    if status in _DENIED:
        return Reason.API_FORBIDDEN
    if status in _AS_IT_IS_ASKED and status not in _LATER:
        return Reason.API_REFUSED
    return Reason.API_UNREACHABLE


def refused(status: Document, *, retry_after: str = "") -> ApiRefusedError:
    """From a `Status` object, of which nothing is taken for granted, and a Retry-After header."""
    code = status.get("code")
    seconds = max(_seconds_of_header(retry_after), _seconds_of_details(status))
    kind = ConflictError if code == _CONFLICT else ApiRefusedError
    return kind(
        status=code if isinstance(code, int) else 0,
        reason=str(status.get("reason", "")),
        message=str(status.get("message", "")),
        retry_after_seconds=min(seconds, MAX_RETRY_AFTER_SECONDS),
    )


def _seconds_of_header(text: str) -> float:
    """The header holds seconds, or a date."""
    try:
        return max(0.0, float(Retry().parse_retry_after(text))) if text else 0.0
    except (InvalidHeader, OverflowError):
        return 0.0


def _seconds_of_details(status: Document) -> float:
    details = status.get("details")
    seconds = details.get("retryAfterSeconds") if isinstance(details, Mapping) else None
    return float(seconds) if isinstance(seconds, int) else 0.0
