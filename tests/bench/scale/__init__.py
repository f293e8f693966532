"""The scale bench: what a fleet costs one API server and one registry, beside bare watch clients.

`make bench-scale`, or `python -m tests.bench.scale`; `--quick` takes six minutes. One real
kube-apiserver on one real etcd, everything in namespaces of its own. Figures are not asserted, for
machines differ; that no node is lost, and that each ends with the right view, is.
"""
