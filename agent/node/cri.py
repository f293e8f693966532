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

from agent.errors import Reason
from agent.node.cri_call import NO_GRPC
from agent.node.pull_verdict import absent_image, judge_pull
from agent.node.seen_path import seen_path
from agent.planning.model import HostPath, Proof


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

    def version(self, socket: HostPath) -> tuple[str, str] | None:
        """Name and version of the runtime behind a socket; None when it does not tell."""
        answer = self._ask(socket, {})
        match answer:
            case [{"code": "OK", "name": str(name), "version": str(version)}]:
                return name, version
            case _:
                return None

    def prove(self, *, socket: HostPath, hosts: Sequence[str]) -> dict[str, Proof]:
        """Let the runtime pull a tag that cannot exist from each host, and judge what it met.

        Takes about as long as the slowest host, at most `call_seconds` plus the child's start.
        """
        if not hosts:
            return {}
        images = [absent_image(host) for host in hosts]
        answers = self._ask(socket, {"images": images})
        if isinstance(answers, Proof):
            return dict.fromkeys(hosts, answers)
        if len(answers) != len(hosts):
            words = f"the CRI client gave {len(answers)} answers for {len(hosts)} images"
            unknown = Proof(reason=Reason.RUNTIME_UNREACHABLE, detail=words)
            return dict.fromkeys(hosts, unknown)
        return {
            host: judge_pull(host=host, code=answer["code"], words=answer["words"])
            for host, answer in zip(hosts, answers, strict=True)
        }

    def _ask(self, socket: HostPath, request: dict[str, object]) -> list[dict[str, str]] | Proof:
        """Run the child for one request: its answers, or the proof that there are none."""
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
            return Proof(reason=Reason.TIMEOUT, detail=words)
        except OSError as error:
            words = f"cannot ask the runtime: {error}"
            return Proof(reason=Reason.RUNTIME_UNREACHABLE, detail=words)
        if child.returncode == NO_GRPC:
            return Proof(reason=Reason.CRI_CLIENT_MISSING, detail="grpcio cannot be imported")
        answers = _decode(child.stdout) if child.returncode == 0 else None
        if answers is None:
            last = (child.stderr.strip().splitlines() or ["no words"])[-1]
            words = f"the CRI client {_ending(child.returncode)}: {last}"
            return Proof(reason=Reason.RUNTIME_UNREACHABLE, detail=words)
        return answers


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
