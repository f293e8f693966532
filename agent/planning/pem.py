"""PEM text to certificates in DER, and back: strictly where it is published, tolerantly on disk.

`ssl` reads over whatever it does not know: a private key pasted into the bundle is accepted
without a word, and would go to every node. So published text is scanned line by line, and what
looks like a PEM boundary must be exactly one of a CERTIFICATE.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from textwrap import wrap

from agent.errors import BadInput, Problem, Reason

BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"

_COLUMNS = 64
_SHOWN = 40
_LINE_END = re.compile(r"\r\n|\r|\n")
_BLANK = " \t\ufeff"  # the last is a byte order mark: files are joined with `cat`
_BOUNDARY = re.compile(r"-{2,}\s*(?:BEGIN|END)\b", re.IGNORECASE)
_PRIVATE_KEY = re.compile(r"[-\u2010-\u2015]\s*(?:BEGIN|END)\b[^\r\n]*PRIVATE\s+KEY", re.IGNORECASE)
_BLOCK = re.compile(rf"{BEGIN}([^-]*){END}")


def has_private_key(text: str) -> bool:
    """Whether any boundary line, even a broken one, even in a comment, speaks of a private key."""
    return _PRIVATE_KEY.search(text) is not None


def scan_certificates(text: str, *, where: str) -> tuple[bytes, ...]:
    """Return the DER of each CERTIFICATE block, in order. `where` names the object in messages.

    Text between the blocks is skipped. Raises BadInput (bundle-malformed) naming the line.
    """
    ders: list[bytes] = []
    body: list[str] | None = None
    begun = 0
    for number, raw in enumerate(_LINE_END.split(text), start=1):
        line = raw.strip(_BLANK)
        if not _BOUNDARY.search(line):
            if body is not None:
                body.append(line)
        elif line == BEGIN and body is None:
            body, begun = [], number
        elif line == END and body is not None:
            ders.append(_decode(body, where=where, line=begun))
            body = None
        else:
            raise malformed(where, f"line {number} is out of place: {_shown(line)}")
    if body is not None:
        raise malformed(where, f"the block that begins in line {begun} does not end")
    return tuple(ders)


def find_certificates(text: str) -> Iterator[bytes]:
    """Yield the DER of each block that can be decoded, as a runtime does; never raises."""
    for match in _BLOCK.finditer(text):
        try:
            yield b64decode("".join(match[1].split()), validate=True)
        except ValueError:
            continue


def pem_block(der: bytes) -> str:
    """One CERTIFICATE block of 64 columns, with a closing line end."""
    return "\n".join((BEGIN, *wrap(b64encode(der).decode("ascii"), _COLUMNS), END, ""))


def malformed(where: str, detail: str) -> BadInput:
    """Refuse text that is no bundle."""
    return BadInput(Problem(reason=Reason.BUNDLE_MALFORMED, where=where, detail=detail))


def _decode(body: list[str], *, where: str, line: int) -> bytes:
    block = f"the block that begins in line {line}"
    if any(":" in text for text in body):
        raise malformed(where, f"{block} has PEM headers")
    try:
        der = b64decode("".join(body), validate=True)
    except ValueError as error:
        raise malformed(where, f"{block} is not base64: {error}") from error
    if not der:
        raise malformed(where, f"{block} is empty")
    return der


def _shown(line: str) -> str:
    return ascii(line if len(line) <= _SHOWN else f"{line[:_SHOWN]}...")
