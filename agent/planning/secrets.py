"""What may be a secret: known by the words around it, since its value tells nothing.

One rule for every way out of the agent: diffs, output, logs and Events.
"""

import re

REDACTED = "[redacted]"
_WORDS = re.compile(r"auth|password|token|header|secret|private key", re.IGNORECASE)


def may_be_secret(text: str) -> bool:
    """Whether a key, a table's name or a whole line speaks of something that must not be shown."""
    return _WORDS.search(text) is not None
