"""registry-node-agent: a node pulls from the cluster's own registry, by its cluster hostname."""

__version__ = "0.1.0"
