# The agent's image: locked wheels and the package, on a base with Python and nothing else needed.
#
# BASE must have Python 3.11 or later, as BUILD has, with the same minor version, because compiled
# wheels are for one. Both can be exchanged for bases of your own registry:
#   docker build --build-arg BUILD=... --build-arg BASE=... .
ARG BUILD=docker.io/library/python:3.11-slim-bookworm
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BUILD} AS wheels
COPY deploy/requirements.lock /requirements.lock
RUN python3 -m pip install --no-cache-dir --no-deps --require-hashes --only-binary=:all: \
    --target=/opt/agent --requirement=/requirements.lock

FROM ${BASE}
COPY --from=wheels /opt/agent /opt/agent
COPY agent /opt/agent/agent
# Read-only root file system: no bytecode is written, so what can be compiled is compiled here.
ENV PYTHONPATH=/opt/agent PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN ["python3", "-m", "compileall", "-q", "/opt/agent"]
ENTRYPOINT ["python3", "-m", "agent"]
CMD ["run"]
