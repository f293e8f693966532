# The agent's image: Python, the locked wheels, the agent, and nothing else. No shell, no package
# manager. BASE is only built with: any image of glibc, Python 3.11 or later, and its pip.
#   make image    builds it with what is here; docker, podman and buildah take this file as it is
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
# Where wheels come from, if not from where pip looks by itself; each must have its locked hash.
ARG PIP_INDEX_URL
COPY deploy/requirements.lock deploy/image/wheels.py /build/
RUN ["python3", "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-compile", "--no-deps", \
     "--require-hashes", "--only-binary=:all:", "--root-user-action=ignore", \
     "--target=/image/wheels/opt/agent", "--requirement=/build/requirements.lock"]
RUN ["python3", "/build/wheels.py", "/image/wheels/opt/agent"]
COPY deploy/image/interpreter.py /build/
RUN ["python3", "/build/interpreter.py", "/image/interpreter", "/image/wheels"]
COPY agent /image/agent/opt/agent/agent
# The root file system is read-only there, so whatever can be compiled is compiled here.
RUN ["python3", "-m", "compileall", "-q", "--invalidation-mode=unchecked-hash", "-s", \
     "/image/agent", "-p", "/", "/image/agent"]

FROM scratch
ARG VERSION=unreleased
LABEL org.opencontainers.image.title="registry-node-agent" \
      org.opencontainers.image.description="Every node pulls from the cluster's own registry, by its cluster hostname, over verified TLS" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
# What changes least comes first: an upgrade of the agent is the last and least of the layers.
COPY --from=build /image/interpreter /
COPY --from=build /image/wheels /
COPY --from=build /image/agent /
ENV PATH=/usr/local/bin:/usr/bin:/bin PYTHONPATH=/opt/agent PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 0:0
ENTRYPOINT ["python3", "-m", "agent"]
CMD ["run"]
