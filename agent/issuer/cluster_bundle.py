"""The bundle as a ClusterTrustBundle, which a pod of any namespace may project into its files."""

from agent.errors import Problem
from agent.issuer.look import Seen
from agent.planning.published_bundle import CA_KEY
from agent.trust_ports import ClusterBundles


class ClusterBundle:
    """A duty of the trust controller, where the API server has such objects."""

    def __init__(self, bundles: ClusterBundles) -> None:
        self._bundles = bundles

    def settle(self, seen: Seen) -> tuple[Problem, ...]:
        """Our own CAs only: whoever projects it trusts it for everything. Raises as the port."""
        if not self._bundles.is_served():
            return ()
        pem, present = seen.wanted_bundle.data[CA_KEY], self._bundles.read()
        if present is None or present.pem != pem or not present.is_ours:
            self._bundles.put(pem, over=present)
        return ()
