# make demo    the main job, on a real containerd and a real registry, in a private namespace
# make test    everything: format, lint, architecture, types, unit, real-node, real-cluster tests
# make image   the agent's image, with buildah, podman or docker: IMAGE=... BASE=... BUILDER=...
# make load    that image into this machine's containerd; CTR="ssh NODE sudo ctr" is another's
#
# Nothing is installed on or started on the machine: Python packages go into .venv, programs into
# the cache ($REGISTRY_NODE_AGENT_CACHE, else ~/.cache/registry-node-agent).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export REGISTRY_NODE_AGENT_CACHE ?= $(HOME)/.cache/registry-node-agent
export PIP_CACHE_DIR := $(REGISTRY_NODE_AGENT_CACHE)/pip
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONPATH := $(CURDIR)

PYTHON ?= python3
SOAK_MINUTES ?= 20
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.made-for

# `localhost` is no registry, so no node ever looks for this name anywhere but on its own disk.
export VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' agent/__init__.py)
export IMAGE ?= localhost/registry-node-agent:$(VERSION)
export ARCHIVE ?= build/registry-node-agent-$(VERSION).tar
export PYTHON BASE BUILDER BUILD_FLAGS
CTR ?= ctr

# What a run leaves in its temporary directory goes with it.
own_tmp := scratch=$$(mktemp -d /tmp/rna.XXXXXX); trap 'rm -rf "$$scratch"' EXIT; TMPDIR=$$scratch

.PHONY: help demo test check realnode realcluster image load bench soak rotation lock lock-check programs venv root clean

help:
	@sed -n 's/^# make/make/p' Makefile
	@echo "also: check realnode realcluster bench bench-scale soak rotation lock programs clean"

demo: venv root
	@$(PY) -m tests.demo

test: check lock-check realnode realcluster

# No real node or cluster: a minute, and no root. Cheap findings first. Four at once: most wait.
check: venv
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy -p tests.ground
	$(VENV)/bin/mypy deploy/image/*.py
	$(own_tmp) $(PY) -m pytest -q -n 4 --cov --cov-report=term -m "not realnode and not realcluster"

# What cannot be fetched is told here, and again by the tests: skipped, or with CI=true failed.
# The README's table of supported versions must tell what has run: `python -m tests.supported`.
realnode: venv root
	@$(PY) -m tests.ground.prefetch node || true
	@rm -rf build/supported
	$(own_tmp) $(PY) -m pytest -q -n 3 -m realnode
	$(PY) -m tests.supported --check

# etcd, kube-apiserver, kubelet and all. Where Go is absent these tests are skipped, and say so.
realcluster: venv root
	@$(PY) -m tests.ground.prefetch cluster || true
	$(own_tmp) $(PY) -m pytest -q -m realcluster

image:
	@deploy/image/build

# By its standard input, so that CTR may be a program elsewhere.
load:
	@$(CTR) -n k8s.io images import - <$(ARCHIVE)

bench: venv root
	@$(PY) -m tests.bench

# Memory of `run` under steady change; the figures, and 1 when they are not what was promised.
soak: venv root
	@$(PY) -m tests.bench.soak --minutes $(SOAK_MINUTES)

# Rotations of the CA on three real nodes, at length: 10,000 pulls and more, of which none may fail.
rotation: venv root
	@$(PY) -m tests.rotation

# A fleet of up to 5,000 nodes on one API server: a quarter of an hour, and both cores.
bench-scale: venv root
	@$(PY) -m tests.bench.scale

# uv reads the ranges from pyproject.toml; --universal keeps one file for amd64 and aarch64.
lock: venv
	$(PY) -m pip install --quiet --group lock
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra cri --extra issuer --extra systemd \
	  --generate-hashes --no-annotate --custom-compile-command "make lock" \
	  --cache-dir $(REGISTRY_NODE_AGENT_CACHE)/uv --output-file deploy/requirements.lock pyproject.toml

# Every locked wheel is there, with its hash, for both architectures of the image.
lock-check: venv
	@for machine in x86_64 aarch64; do \
	  $(PY) -m pip install --quiet --dry-run --ignore-installed --no-deps --require-hashes \
	    --only-binary=:all: --python-version 3.11 --target build/lock-check \
	    --platform manylinux_2_28_$$machine --platform manylinux2014_$$machine \
	    --platform manylinux_2_17_$$machine --requirement deploy/requirements.lock; \
	  echo "deploy/requirements.lock: every wheel is there for $$machine"; \
	done

# Everything the real-node and real-cluster tests run, fetched ahead of them; one line each.
programs: venv
	@$(PY) -m tests.ground.prefetch

root:
	@if [ "$$(id -u)" != 0 ]; then echo "make: real nodes need root: namespaces and mounts of their own" >&2; exit 1; fi

# Made anew only when pyproject.toml says something else than what it was made for.
venv:
	@if ! cmp -s pyproject.toml $(STAMP) || ! [ -x $(PY) ]; then PYTHON=$(PYTHON) tests/tools/make-venv $(VENV); fi

clean:
	rm -rf $(VENV) build *.egg-info .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
	  .import_linter_cache
	find agent tests -name __pycache__ -prune -exec rm -rf {} +
