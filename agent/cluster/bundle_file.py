"""A trust bundle that lies in a file of its own, as `--trust-bundle file:PATH` names it."""

from pathlib import Path

from agent.errors import BadInput, Problem, Reason
from agent.plain_file import read_plain_file
from agent.planning.model import BundleObject
from agent.planning.trust_bundle import MAX_BUNDLE_BYTES
from agent.planning.trust_reference import FileReference


def read_bundle_file(reference: FileReference) -> BundleObject | None:
    """Read the bundle that `file:PATH` names; None when there is no such file.

    Raises BadInput (manifests-unreadable) when it is there and cannot be read. One that is too
    large comes cut, still too large, for planning to refuse.
    """
    try:
        content = read_plain_file(Path(reference.path), limit=MAX_BUNDLE_BYTES).content
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(
            Problem(
                reason=Reason.MANIFESTS_UNREADABLE,
                where=reference.text,
                detail=error.strerror or str(error),
            )
        ) from error
    return BundleObject(where=reference.text, pem=content.decode(errors="replace"))
