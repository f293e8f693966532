"""Three who decide whether a registry is to be trusted: Go, OpenSSL at its strictest, and pyca.

Each says why not, or nothing. They look at the moment they are told, and trust nothing but what
they are given: this machine's own roots play no part.
"""

import shutil
import subprocess
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from agent.issuer.verification import verify
from agent.planning.model import IPAddress
from tests import missing_programs
from tests.ground import debian, go_modules
from tests.ground.programs import Program

Verifier: TypeAlias = Callable[..., str]
"""Called as `by(trusted, chain, names=..., addresses=..., now=...)`."""


def pyca(
    trusted: Sequence[bytes],
    chain: bytes,
    *,
    names: Collection[str],
    addresses: Collection[IPAddress],
    now: datetime,
) -> str:
    """The one the controller asks before it publishes anything."""
    answers = [
        verify(chain=chain, anchor=anchor, names=names, addresses=addresses, now=now)
        for anchor in trusted
    ]
    return "" if None in answers else str(answers[0])


def openssl(
    trusted: Sequence[bytes],
    chain: bytes,
    *,
    names: Collection[str],
    addresses: Collection[IPAddress],
    now: datetime,
) -> str:
    options = ["-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore"]
    options += ["-attime", str(int(now.timestamp())), "-CAfile"]
    program = openssl_program()
    subjects = [("-verify_hostname", name) for name in names]
    subjects += [("-verify_ip", str(address)) for address in addresses]
    with TemporaryDirectory() as place:
        roots, served = _written(Path(place), trusted, chain)
        answers = (
            _run(program, "verify", *options, roots, "-untrusted", served, *subject, served)
            for subject in subjects
        )
        return next(filter(None, answers), "")


def go(
    trusted: Sequence[bytes],
    chain: bytes,
    *,
    names: Collection[str],
    addresses: Collection[IPAddress],
    now: datetime,
) -> str:
    program = missing_programs.found_or_skipped("what Go verifies", _verify_chain)
    with TemporaryDirectory() as place:
        roots, served = _written(Path(place), trusted, chain)
        return _run(program, roots, served, now.isoformat(), *names, *map(str, addresses))


def openssl_program() -> Program:
    """OpenSSL's program: the machine's, or one from the cache."""
    return missing_programs.found_or_skipped("what OpenSSL verifies", _openssl)


def _verify_chain() -> Program:
    built = go_modules.build_own("verify-chain")
    return Program(executable=built.tree / "usr/bin/verify-chain")


def _openssl() -> Program:
    found = shutil.which("openssl")
    if found:
        return Program(executable=Path(found))
    unpacked = debian.unpack(suite="bookworm", packages=("openssl", "libssl3"))
    return Program(executable=unpacked.tree / "usr/bin/openssl", libraries=unpacked.libraries)


def _written(place: Path, trusted: Sequence[bytes], chain: bytes) -> tuple[str, str]:
    roots, served = place / "roots.pem", place / "chain.pem"
    roots.write_bytes(b"".join(trusted))
    served.write_bytes(chain)
    return str(roots), str(served)


def _run(program: Program, *arguments: str) -> str:
    """What it complains about."""
    done = subprocess.run(  # noqa: S603 - a fixed program, arguments of our own
        [str(program.executable), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=program.environment,
    )
    return done.stderr.strip() or "it does not say" if done.returncode else ""
