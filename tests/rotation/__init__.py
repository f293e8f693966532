"""Trust bootstrapping on real nodes: one API server, one registry, and pulls that may never fail.

What a cluster has is here, each part real but two: the kubelet that brings Secrets into the pod of
the registry (tests/ground/volumes.py), and kube-proxy (tests/ground/wires.py).
"""
