"""Names and addresses that both the bench and its worker processes know."""

SERVICE, BUNDLE = "knative", "registry-trust"
AGENT = "registry-node-agent"  # its service account, and the namespace of that
SIMULATED = "simulated-agent"
LABEL = "registry-node-agent.internal/registry"
API_ADDRESS, API_PORT = "10.96.0.1", 443
ADDRESS = "10.96.0.50"
HOST = "knative.registry.svc.cluster.local"
SERVICES = "/api/v1/namespaces/registry/services"
CONFIG_MAPS = "/api/v1/namespaces/registry-trust/configmaps"
AGENTS, BARE = "registry-node-agent/", "bare-watch/"
"""How the User-Agent of each kind of client begins."""
