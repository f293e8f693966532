"""The TLS fronts of a registry, and the nginx configuration that serves them.

A front is an address, a port and a certificate, and how it answers. Certificates change by
nginx's graceful reload: the listening sockets stay open all the time, new workers take them over,
and old ones finish what they began.
"""

import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from tests.ground.certificates import Certificate


@dataclass(frozen=True, kw_only=True)
class Images:
    """Answer as a registry."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Answer everything with a status of trouble."""

    status: int = 503


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """Ask for a token from `realm`; any front answers `/token` with the right one."""

    realm: str


@dataclass(frozen=True, kw_only=True)
class Basic:
    """Ask for a name and a password, and let only `PULL_SECRET` in."""


Answers = Images | Failure | Bearer | Basic
IMAGES = Images()
PULL_SECRET = ("puller", "of-the-ground")
# As docker-registry says it; clients tell less when there are no details.
_UNAUTHORIZED = json.dumps(
    {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": []}]}
)
_TOKEN = "of-the-ground"  # noqa: S105 - opens nothing but a test's own registry


@dataclass(frozen=True, kw_only=True)
class Front:
    """One place where the registry listens."""

    address: str
    certificate: Certificate
    port: int = 443
    answers: Answers = IMAGES

    @property
    def authority(self) -> str:
        """Address and port, as in a URL."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


def render_nginx(fronts: dict[str, Front], *, directory: Path, backend: Path) -> str:
    """The whole nginx.conf; certificates are expected as `<name>.pem` in the directory."""
    servers = "\n".join(_server(name, front, directory) for name, front in fronts.items())
    return f"""\
user root;
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log notice;
worker_shutdown_timeout 10s;
events {{ worker_connections 1024; }}
http {{
  log_format ground escape=json '{{"front": "$server_name", "method": "$request_method", '
    '"uri": "$request_uri", "status": $status, "host": "$http_host", "sni": "$ssl_server_name", '
    '"agent": "$http_user_agent"}}';
  access_log {directory}/access.log ground;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  client_max_body_size 0;
  server_tokens off;
  upstream backend {{ server unix:{backend}; }}
{servers}
}}
"""


def _server(name: str, front: Front, directory: Path) -> str:
    pem = directory / f"{name}.pem"
    return f"""\
  server {{
    listen {front.authority} ssl;
    server_name {name};
    ssl_certificate {pem};
    ssl_certificate_key {pem};
    ssl_session_tickets off;
    location = /token {{
      default_type application/json;
      return 200 '{{"token": "{_TOKEN}", "expires_in": 300}}';
    }}
    location / {{
{_location(front.answers)}
    }}
  }}"""


def _location(answers: Answers) -> str:
    forward = """\
      proxy_pass http://backend;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;"""
    match answers:
        case Failure(status=status):
            return f"      return {status};"
        case Bearer(realm=realm):
            challenge = f'Bearer realm="{realm}",service="ground"'
            return _guarded(forward, secret=f"Bearer {_TOKEN}", challenge=challenge)
        case Basic():
            secret = f"Basic {encoded(PULL_SECRET)}"
            return _guarded(forward, secret=secret, challenge='Basic realm="ground"')
        case Images():
            return forward


def _guarded(forward: str, *, secret: str, challenge: str) -> str:
    return f"""\
      error_page 401 = @challenge;
      if ($http_authorization != "{secret}") {{ return 401; }}
{forward}
    }}
    location @challenge {{
      default_type application/json;
      add_header WWW-Authenticate '{challenge}' always;
      add_header Docker-Distribution-Api-Version registry/2.0 always;
      return 401 '{_UNAUTHORIZED}';"""


def encoded(secret: tuple[str, str]) -> str:
    """A name and a password as HTTP and Docker's auth files carry them."""
    return b64encode(":".join(secret).encode()).decode()
