"""The CA certificates that the node itself trusts, as a Go program on it would load them.

A runtime adds a host's `ca` to these (containerd, core/remotes/docker/config/hosts.go), so its
verdict needs them. Two things differ, and cannot be seen from here: a Go process reads them once,
at its first use, and `SSL_CERT_FILE` and `SSL_CERT_DIR` in its environment move them.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.node.seen_path import seen_path
from agent.plain_file import read_plain_file
from agent.planning.pem import find_certificates

# Go, src/crypto/x509/root_linux.go: the first file that can be read, and all the directories.
FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
MAX_BYTES = 16 << 20  # all the roots there are come to a quarter of a MiB
DIRECTORIES = ("/etc/ssl/certs", "/etc/pki/tls/certs")


def system_roots(host_root: Path) -> tuple[bytes, ...]:
    """DER of each root the node has, sorted; empty when it has none."""
    texts = [*_first_file(host_root), *_directory_files(host_root)]
    return tuple(sorted({der for text in texts for der in find_certificates(text)}))


def _first_file(host_root: Path) -> Iterator[str]:
    for path in FILES:
        with suppress(OSError):
            yield _text(host_root, path)
            return


def _directory_files(host_root: Path) -> Iterator[str]:
    for directory in DIRECTORIES:
        with suppress(OSError):
            for entry in sorted(seen_path(host_root, directory).iterdir()):
                # A link without a slash repeats a file of the same directory (Go, root_unix.go).
                if entry.is_symlink() and "/" not in entry.readlink().as_posix():
                    continue
                with suppress(OSError):
                    yield _text(host_root, f"{directory}/{entry.name}")


def _text(host_root: Path, path: str) -> str:
    return read_plain_file(seen_path(host_root, path), limit=MAX_BYTES).content.decode("latin-1")
