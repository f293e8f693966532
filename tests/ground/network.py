"""The addresses of a node: on its own loopback, or on a wire at whose end nobody answers."""

from ipaddress import ip_address

from tests.ground.namespaces import Namespaces, NodeTroubleError
from tests.ground.programs import Program

WIRE, WIRE_ADDRESS = "wire0", "192.0.2.1"
_NOBODY = "02:00:00:00:00:66"  # the neighbour's address: the wire's end has another, so it drops


class Network:
    """`ip`, inside one node."""

    def __init__(self, *, ip: Program, namespaces: Namespaces) -> None:
        self._ip = ip
        self._namespaces = namespaces
        self._has_wire = False
        self.command("link", "set", "lo", "up")

    def add_address(self, address: str) -> None:
        """Give loopback an address, as a Service's ClusterIP is to a node: there, at once."""
        self.command("address", "replace", _single(address), "dev", "lo", *_at_once(address))

    def remove_address(self, address: str) -> None:
        """Take it away: connecting then fails at once, with no route."""
        self.command("address", "del", _single(address), "dev", "lo")

    def add_wire(self) -> None:
        """Give the node an address beyond loopback, on a wire at whose end nobody answers."""
        if not self._has_wire:
            self.command("link", "add", WIRE, "type", "veth", "peer", "name", "wire1")
            self.command("link", "set", WIRE, "up")
            self.command("link", "set", "wire1", "up")
            self.command("address", "add", f"{WIRE_ADDRESS}/32", "dev", WIRE)
            self.command("address", "add", "2001:db8::1/128", "dev", WIRE, "nodad")
            self._has_wire = True

    def drop_packets_to(self, address: str) -> None:
        """Let every packet to an address vanish without an answer."""
        self.add_wire()
        self.command("neigh", "replace", address, "lladdr", _NOBODY, "dev", WIRE)
        self.command("route", "replace", _single(address), "dev", WIRE)

    def stop_dropping(self, address: str) -> None:
        """Undo `drop_packets_to`."""
        self.command("route", "del", _single(address), "dev", WIRE)

    def command(self, *arguments: str) -> None:
        """Any `ip` command."""
        program = [str(self._ip.executable), *arguments]
        done = self._namespaces.run(program, env=self._ip.environment)
        if done.returncode:
            raise NodeTroubleError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _single(address: str) -> str:
    return f"{address}/{ip_address(address).max_prefixlen}"


def _at_once(address: str) -> tuple[str, ...]:
    return ("nodad",) if ip_address(address).version == 6 else ()
