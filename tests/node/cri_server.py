"""A container runtime's CRI, as far as the agent asks: a real gRPC server on a real socket."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc

from agent.node.cri_call import fields, text_field

Answer = Callable[[str, grpc.ServicerContext], bytes]


class CriServer(grpc.GenericRpcHandler):
    """Answers pulls by `pull`, and what it is by `version`.

    `calls` are the methods it was asked, with the image each.
    """

    def __init__(self, pull: Answer) -> None:
        self.pull = pull
        self.version: Answer = containerd
        self.calls: list[tuple[str, str]] = []
        self.names: list[str] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = handler_call_details.method.removeprefix("/runtime.v1.")

        def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
            image = dict(fields(dict(fields(request)).get(1, b""))).get(1, b"").decode()
            self.calls.append((method, image))
            match method:
                case "RuntimeService/Version":
                    return self.version("", context)
                case "ImageService/PullImage":
                    return self.pull(image, context)
                case "ImageService/ImageStatus":
                    names = b"".join(text_field(2, name.encode()) for name in self.names)
                    size = b"\x20\x80\x04"  # uint64 size = 4
                    return text_field(1, text_field(1, b"sha256:0") + names + size)
                case _:
                    return b""

        return grpc.unary_unary_rpc_method_handler(handle)


def containerd(_image: str, _context: grpc.ServicerContext) -> bytes:
    """VersionResponse."""
    texts = [b"0.1.0", b"containerd", b"v2.1.9", b"v1"]
    return b"".join(text_field(at, text) for at, text in enumerate(texts, 1))


def refusing(code: grpc.StatusCode, words: str) -> Answer:
    """Refuse every pull in these words; `{image}` is what was to be pulled."""

    def answer(image: str, context: grpc.ServicerContext) -> bytes:
        context.abort(code, words.format(image=image))
        raise AssertionError

    return answer


@contextmanager
def cri_server(socket: Path, pull: Answer) -> Iterator[CriServer]:
    """A runtime behind a socket, for the length of the block."""
    runtime = CriServer(pull)
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((runtime,))
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    try:
        yield runtime
    finally:
        server.stop(grace=None).wait()
