"""Asks a registry over TLS, one request after another, and prints the status of each.

Run on a node: `python asking.py ADDRESS:PORT CA-FILE REQUESTS`, the requests being a JSON list of
[method, path, headers].
"""

import http.client
import json
import ssl
import sys


def main() -> None:
    authority, ca_file, requests = sys.argv[1:]
    context = ssl.create_default_context(cafile=ca_file)
    answers = []
    for method, path, headers in json.loads(requests):
        connection = http.client.HTTPSConnection(authority, context=context, timeout=30)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answers.append([answer.status, dict(answer.getheaders())])
        connection.close()
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main()
