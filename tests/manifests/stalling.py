"""Begins downloads over TLS and reads nothing of them, says so, and waits to be killed.

Run on a node: `python stalling.py HOST PORT CA-FILE PATH COUNT`.
"""

import signal
import socket
import ssl
import sys


def main() -> None:
    host, port, ca_file, path, count = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca_file)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    begun = []
    for _ in range(int(count)):
        connection = socket.create_connection((host, int(port)), timeout=30)
        begun.append(context.wrap_socket(connection, server_hostname=host))
        begun[-1].sendall(request)
        begun[-1].recv(1)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    signal.pause()


if __name__ == "__main__":
    main()
