"""What may be a secret: known by the words around it, since its value tells nothing.

One rule for every way out of the agent: diffs, output, logs and Events.
"""

import re

REDACTED = "[redacted]"
_WORDS = re.compile(r"auth|password|token|header|secret|private key", re.IGNORECASE)
_PEM = re.compile(r"-----BEGIN.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
_USER_OR_QUERY = re.compile(r"(?<=//)[^/\s@]+@|(?<=\S)\?[^\s\"']+")
_CREDENTIAL = re.compile(
    r"(?P<key>\b(?:bearer|basic)\s+"
    r"|\b(?:authorization|password|passwd|secret|token)[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?)"
    r"[^\s\"',;]+",
    re.IGNORECASE,
)
_BYTES = re.compile(
    r"""\bb(?P<quote>['"])(?:bearer|basic)\s(?:\\.|(?!(?P=quote)).)*""", re.IGNORECASE | re.DOTALL
)
"""A header as Python shows its bytes: whatever is in it, until the quotes end."""


def may_be_secret(text: str) -> bool:
    """Whether a key, a table's name or a whole line speaks of something that must not be shown."""
    return _WORDS.search(text) is not None


def redact_words(text: str) -> str:
    """A sentence of another program without what may be a secret in it.

    Keys and certificates, user and query of a URL, and what follows a word such as `Bearer`.
    """
    text = _PEM.sub(REDACTED, text)
    text = _USER_OR_QUERY.sub(REDACTED, text)
    text = _BYTES.sub(rf"b\g<quote>{REDACTED}", text)
    return _CREDENTIAL.sub(rf"\g<key>{REDACTED}", text)
