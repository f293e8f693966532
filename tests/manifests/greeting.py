"""Greets a TLS server again and again, and prints what went wrong, if anything did.

Run on a node: `python greeting.py HOST PORT CA-FILE COUNT`.
"""

import json
import socket
import ssl
import sys


def main() -> None:
    host, port, ca_file, count = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca_file)
    failures = []
    for _ in range(int(count)):
        try:
            with (
                socket.create_connection((host, int(port)), timeout=30) as connection,
                context.wrap_socket(connection, server_hostname=host),
            ):
                pass
        except OSError as error:
            failures.append(str(error))
    sys.stdout.write(json.dumps(failures))


if __name__ == "__main__":
    main()
