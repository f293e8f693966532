"""The runtime's own view of things, asked through CRI in a short-lived child process.

The child (`agent.node.cri_call`) is where grpcio lives: 120 ms and 30 MiB for as long as a call
takes, so that the daemon has neither its memory nor its threads.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from signal import strsignal

from agent.errors import Problem, Reason
from agent.node import cri_call
from agent.node.pull_verdict import absent_image, judge_pull
from agent.node.seen_path import seen_path
from agent.planning.evidence import Proof
from agent.planning.model import HostPath


class CriClient:
    """Asks a container runtime on this node. Safe to use from several threads.

    `start_seconds` is what the child may take to start Python and import grpcio on a node that is
    short of CPU, on top of `call_seconds` for the runtime's answer.
    """

    def __init__(
        self,
        host_root: Path,
        *,
        call_seconds: float = 10,
        start_seconds: float = 15,
        command: Sequence[str] = (sys.executable, "-m", "agent.node.cri_call"),
    ) -> None:
        self._host_root = host_root
        self._call_seconds = call_seconds
        self._limit_seconds = start_seconds + call_seconds
        self._command = tuple(command)

    def version(self, socket: HostPath) -> tuple[str, str] | Problem:
        """Name and version of the runtime behind a socket; why, when it does not tell."""
        answers = self._ask(socket, {})
        match answers:
            case Problem():
                return answers
            case [{"code": "OK", "name": str(name), "version": str(version)}]:
                return name, version
            case [{"code": cri_call.SILENT, "words": words}]:
                return Problem(reason=Reason.RUNTIME_TIMEOUT, where=socket, detail=words)
            case [{"code": code, "words": words}]:
                return _unreachable(socket, words or f"it answers {code}")
            case _:
                return _unreachable(socket, f"the CRI client gave {len(answers)} answers, not one")

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let the runtime pull a tag that cannot exist from each host, and judge what it met.

        Takes about as long as the slowest host, at most `call_seconds` plus the child's start.
        """
        if not hosts:
            return {}
        images = [absent_image(host) for host in hosts]
        answers = self._ask(socket, {"images": images})
        if isinstance(answers, Problem):
            untold = Proof(reason=answers.reason, detail=answers.detail)
            return dict.fromkeys(hosts, untold)
        if len(answers) != len(hosts):
            words = f"the CRI client gave {len(answers)} answers for {len(hosts)} images"
            unknown = Proof(reason=Reason.RUNTIME_UNREACHABLE, detail=words)
            return dict.fromkeys(hosts, unknown)
        return {
            host: judge_pull(host=host, code=answer["code"], words=answer["words"])
            for host, answer in zip(hosts, answers, strict=True)
        }

    def _ask(self, socket: HostPath, request: dict[str, object]) -> list[dict[str, str]] | Problem:
        """Run the child for one request: its answers, or why there are none."""
        try:
            seen = seen_path(self._host_root, socket)
            message = request | {"socket": str(seen), "timeout_seconds": self._call_seconds}
            child = subprocess.run(  # noqa: S603 - our own module, no shell
                self._command,
                input=json.dumps(message),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=self._limit_seconds,
                env=_environment(),
            )
        except subprocess.TimeoutExpired as late:
            words = f"the CRI client did not end within {late.timeout:g} s, and was killed"
            return Problem(reason=Reason.RUNTIME_TIMEOUT, where=socket, detail=words)
        except OSError as error:
            return _unreachable(socket, f"cannot ask the runtime: {error}")
        if child.returncode == cri_call.NO_GRPC:
            words = "grpcio cannot be imported"
            return Problem(reason=Reason.CRI_CLIENT_MISSING, where=socket, detail=words)
        answers = _decode(child.stdout) if child.returncode == 0 else None
        if answers is None:
            last = (child.stderr.strip().splitlines() or ["no words"])[-1]
            return _unreachable(socket, f"the CRI client {_ending(child.returncode)}: {last}")
        return answers


def _unreachable(socket: HostPath, words: str) -> Problem:
    return Problem(reason=Reason.RUNTIME_UNREACHABLE, where=socket, detail=words)


def _decode(text: str) -> list[dict[str, str]] | None:
    """The answers that the child printed; None when it printed something else.

    It may: it was ended in the middle, or is another version, while the agent is updated in place.
    """
    try:
        answers = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return answers if isinstance(answers, list) and all(map(_is_answer, answers)) else None


def _is_answer(found: object) -> bool:
    match found:
        case {"code": str(), "words": str()}:
            return True
        case _:
            return False


def _ending(status: int) -> str:
    """How the child ended; below 0 it was a signal, the kernel's for want of memory among them."""
    if status == 0:
        return "answered in no form known here"
    if status < 0:
        return f"was killed by signal {-status} ({strsignal(-status)})"
    return f"ended with status {status}"


def _environment() -> dict[str, str]:
    """Ours, without proxies (a Unix socket has none) and with a silent gRPC core."""
    kept = {key: text for key, text in os.environ.items() if "proxy" not in key.lower()}
    return kept | {"GRPC_VERBOSITY": "NONE"}
