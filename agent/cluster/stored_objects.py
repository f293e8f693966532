"""Reads and writes the Secrets and ConfigMaps of the trust controller, one guarded write at a time.

A write says what was seen before (`over`), and the API server refuses it where that is no longer
so. It is a merge patch: what others have put onto the object stays, but a key that is not wanted
goes, and so does an annotation or label of our own prefix. An object without our label is refused
before anything is sent. What a Secret holds is never in an error: the API server may repeat it.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agent.cluster.api import Api
from agent.cluster.api_errors import ApiRefusedError
from agent.cluster.asking import asking, patch_as_seen
from agent.cluster.lookup import text_at, texts_at, value_at
from agent.cluster.objects import PREFIX, Document
from agent.errors import BadInput, Problem, Reason
from agent.planning.secrets import REDACTED, redact_words
from agent.planning.stored_objects import (
    MANAGED_BY,
    OURSELVES,
    ConfigMapObject,
    SecretObject,
    check_ours,
)

_NOT_FOUND = 404
_SHORTEST_SECRET = 6
"""Letters: what is shorter would be found in every sentence."""


class Objects:
    """Each method raises ClusterTrouble; each write ChangedMeanwhile too, and BadInput."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def secret(self, namespace: str, name: str) -> SecretObject | None:
        """The Secret as it is now; None where there is none."""
        with asking(self._api, f"Secret {namespace}/{name}"):
            document = _found(self._api, _path("secrets", namespace, name))
        return None if document is None else _secret(document, namespace=namespace, name=name)

    def put_secret(self, wanted: SecretObject, *, over: SecretObject | None) -> SecretObject:
        """Let it be as wanted, where `over` is what was seen; None where nothing was.

        Returns it as it is now. Raises BadInput (name-taken, certificate-without-address)
        where `over` is not ours.
        """
        check_ours(over)
        encoded = {key: b64encode(value).decode() for key, value in wanted.data.items()}
        body = {
            **_metadata(wanted, over),
            **({"type": wanted.type} if over is None else {}),
            "data": _with_gone(encoded, over.data if over else {}),
        }
        with asking(self._api, str(wanted)), _unrepeated(wanted.data.values()):
            document = _put(self._api, "secrets", wanted, body, new=over is None)
        return _secret(document, namespace=wanted.namespace, name=wanted.name)

    def config_map(self, namespace: str, name: str) -> ConfigMapObject | None:
        """The ConfigMap as it is now; None where there is none."""
        with asking(self._api, f"ConfigMap {namespace}/{name}"):
            document = _found(self._api, _path("configmaps", namespace, name))
        return None if document is None else _config_map(document, namespace=namespace, name=name)

    def put_config_map(
        self, wanted: ConfigMapObject, *, over: ConfigMapObject | None
    ) -> ConfigMapObject:
        """Let it be as wanted, where `over` is what was seen; None where nothing was.

        Returns it as it is now. Raises BadInput (name-taken) where `over` is not ours.
        """
        check_ours(over)
        body = {
            **_metadata(wanted, over),
            "data": _with_gone(wanted.data, over.data if over else {}),
            **({"binaryData": None} if over and over.has_binary else {}),
        }
        with asking(self._api, str(wanted)):
            document = _put(self._api, "configmaps", wanted, body, new=over is None)
        return _config_map(document, namespace=wanted.namespace, name=wanted.name)


def _path(kind: str, namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/{kind}" + (f"/{name}" if name else "")


def _found(api: Api, path: str) -> Document | None:
    try:
        return api.get(path)
    except ApiRefusedError as refusal:
        if refusal.status != _NOT_FOUND:
            raise
        return None


def _put(
    api: Api,
    kind: str,
    wanted: SecretObject | ConfigMapObject,
    body: Mapping[str, Any],
    *,
    new: bool,
) -> Document:
    if new:
        return api.create(_path(kind, wanted.namespace), body)
    return patch_as_seen(api, _path(kind, wanted.namespace, wanted.name), body)


def _metadata(
    wanted: SecretObject | ConfigMapObject, over: SecretObject | ConfigMapObject | None
) -> dict[str, Any]:
    labels = {**wanted.labels, MANAGED_BY: OURSELVES}
    metadata: dict[str, Any] = {
        "name": wanted.name,
        "namespace": wanted.namespace,
        "labels": _with_gone(labels, _of_ours(over.labels if over else {})),
        "annotations": _with_gone(wanted.annotations, _of_ours(over.annotations if over else {})),
    }
    if over is not None:
        metadata["resourceVersion"] = over.version
    return {"metadata": metadata}


def _of_ours(texts: Mapping[str, str]) -> Iterator[str]:
    return (key for key in texts if key.startswith(PREFIX))


def _with_gone(values: Mapping[str, str], before: Iterable[str]) -> dict[str, str | None]:
    """The values, and null for each key that was there before and is not wanted."""
    return {key: None for key in before if key not in values} | dict(values)


@contextmanager
def _unrepeated(values: Iterable[bytes]) -> Iterator[None]:
    """What the API server says, without the values in it."""
    try:
        yield
    except ApiRefusedError as refusal:
        message = redact_words(refusal.message)
        for text in sorted({line for value in values for line in _spellings(value)}, key=len)[::-1]:
            message = message.replace(text, REDACTED)
        raise type(refusal)(
            status=refusal.status,
            reason=refusal.reason,
            message=message,
            retry_after_seconds=refusal.retry_after_seconds,
        ) from None


def _spellings(value: bytes) -> Iterator[str]:
    for text in (b64encode(value).decode(), *value.decode(errors="replace").splitlines()):
        if len(text) >= _SHORTEST_SECRET:
            yield text


def _secret(document: Document, *, namespace: str, name: str) -> SecretObject:
    """Raises BadInput (bad-manifest) for what no API server would say."""
    data = {}
    for key, encoded in texts_at(document, "data").items():
        try:
            data[key] = b64decode(encoded, validate=True)
        except ValueError:
            where = f"Secret {namespace}/{name}"
            detail = f"data.{key}: is not base64"
            problem = Problem(reason=Reason.BAD_MANIFEST, where=where, detail=detail)
            raise BadInput(problem) from None
    return SecretObject(
        namespace=namespace,
        name=name,
        type=text_at(document, "type"),
        data=data,
        labels=texts_at(document, "metadata", "labels"),
        annotations=texts_at(document, "metadata", "annotations"),
        version=text_at(document, "metadata", "resourceVersion"),
    )


def _config_map(document: Document, *, namespace: str, name: str) -> ConfigMapObject:
    return ConfigMapObject(
        namespace=namespace,
        name=name,
        data=texts_at(document, "data"),
        labels=texts_at(document, "metadata", "labels"),
        annotations=texts_at(document, "metadata", "annotations"),
        has_binary=bool(value_at(document, "binaryData")),
        version=text_at(document, "metadata", "resourceVersion"),
    )
