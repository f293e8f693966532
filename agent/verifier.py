"""In sync means effective: every route that stands is probed from here, then proven by the runtime.

A probe goes the way of a pull from this process; the proof lets the runtime itself pull a tag that
cannot exist, which stores nothing and tells a runtime that reads our file from one that does not.
A proof holds until a route, the runtime's identity or a file changes, and for about an hour.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from agent.errors import Problem, Reason
from agent.planning.answers import Answers
from agent.planning.desires import Desires
from agent.planning.docker_settings import DockerSettings
from agent.planning.evidence import ProbeResult, ProbeStep, Proof
from agent.planning.model import RegistryName, Route, RuntimeView
from agent.planning.node_auth import asks_who_pulls, auth_entry, docker_may_not_say_who_pulls
from agent.planning.outcome import RegistryStatus
from agent.planning.plan import Plan
from agent.planning.proxies import goes_by_proxy
from agent.planning.trust_bundle import trust_expiry
from agent.ports import Clock, Probe, Runtime, Services
from agent.probing import probe_all

PROOF_SECONDS = 3600.0
PROOF_JITTER = 0.1
OF_THE_RUNTIME = frozenset(
    {Reason.RUNTIME_UNREACHABLE, Reason.RUNTIME_TIMEOUT, Reason.CRI_CLIENT_MISSING}
)
"""What hinders a proof before any registry is asked: it concerns the whole node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was seen of every registry, what is wrong with it, and the routes that work."""

    registries: tuple[RegistryStatus, ...]
    problems: tuple[Problem, ...]
    working: Mapping[RegistryName, Route]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A proof, what it was made under, and until when (monotonic seconds) it is believed."""

    proof: Proof
    route: Route
    identity: str
    until: float


@dataclass(slots=True, kw_only=True)
class Verifier:
    """Tries the routes of a plan. `failures` counts failed probes in a row, by registry."""

    probe: Probe
    runtime: Runtime
    services: Services
    clock: Clock
    failures: dict[RegistryName, int] = field(default_factory=dict)
    _proofs: dict[str, _Kept] = field(default_factory=dict)
    _proxies: Mapping[str, str] | None = None

    def proven(self, runtime: RuntimeView) -> Mapping[str, Route]:
        """The routes that this very runtime was seen to take when it was last asked, by host."""
        return {
            host: kept.route
            for host, kept in self._proofs.items()
            if kept.proof.effective and kept.identity == runtime.identity
        }

    def verify(
        self, *, plan: Plan, desires: Desires, runtime: RuntimeView, answers: Answers
    ) -> Verified:
        """Probe every route of the plan, and have the runtime prove those that work."""
        untried = [route for route in plan.routes.values() if route not in answers.probes]
        tried = {**answers.probes, **probe_all(self.probe, untried)}
        probes = {registry: tried[route] for registry, route in plan.routes.items()}
        self._count_failures(probes)
        working = {name for name, result in probes.items() if result.works}
        self._prove(plan, working, runtime, files_changed=bool(plan.steps))
        problems = [
            problem
            for name, result in probes.items()
            for problem in _failed_probe(name, plan.routes[name], result)
        ]
        self._proxies = None
        problems += [
            problem
            for name in sorted(working)
            for host in plan.hosts[name]
            for problem in self._failed_proof(name, host, runtime)
        ]
        names = sorted({desire.registry for desire in desires.wanted} | set(plan.routes))
        return Verified(
            registries=tuple(
                self._status(name, plan, probes.get(name), runtime.docker) for name in names
            ),
            problems=tuple(dict.fromkeys(problems)),  # a runtime hangs for every host alike
            working={name: plan.routes[name] for name in working},
        )

    def _count_failures(self, probes: Mapping[RegistryName, ProbeResult]) -> None:
        self.failures = {
            name: 0 if result.works else self.failures.get(name, 0) + 1
            for name, result in probes.items()
        }

    def _prove(
        self,
        plan: Plan,
        working: Iterable[RegistryName],
        runtime: RuntimeView,
        *,
        files_changed: bool,
    ) -> None:
        """Renew every proof that is due; forget those of hosts that are no longer ours."""
        routes = {host: plan.routes[name] for name in working for host in plan.hosts[name]}
        now = self.clock.monotonic()
        kept = {
            host: kept
            for host, kept in self._proofs.items()
            if not files_changed
            and kept.proof.effective
            and kept.route == routes.get(host)
            and kept.identity == runtime.identity
            and now < kept.until
        }
        due = [host for host in routes if host not in kept]
        proofs = self.runtime.prove(socket=runtime.socket, hosts=due) if due else {}
        spread = 1 + random.uniform(-PROOF_JITTER, PROOF_JITTER)  # noqa: S311 - no secret, a herd
        for host, proof in proofs.items():
            kept[host] = _Kept(
                proof=_of_route(proof, host, routes[host], runtime.docker),
                route=routes[host],
                identity=runtime.identity,
                until=now + PROOF_SECONDS * spread,
            )
        self._proofs = kept

    def _failed_proof(
        self, registry: RegistryName, host: str, runtime: RuntimeView
    ) -> Iterable[Problem]:
        proof = self._proofs[host].proof
        explained = proof.reason is Reason.RUNTIME_IGNORES_FILES and runtime.problems
        if proof.reason is None or explained:
            return
        if proof.reason in OF_THE_RUNTIME:
            yield Problem(reason=proof.reason, where=runtime.socket, detail=proof.detail)
            return
        reason = proof.reason
        if reason is not Reason.RUNTIME_IGNORES_FILES and self._goes_by_proxy(host, runtime):
            reason = Reason.PROXIED
        yield Problem(
            reason=reason,
            where=host,
            detail=proof.detail,
            registry=str(registry),
        )

    def _goes_by_proxy(self, host: str, runtime: RuntimeView) -> bool:
        """Whether the runtime's unit sends it to a proxy; systemd is asked once for each pass."""
        if self._proxies is None:
            self._proxies = self._environment(runtime)
        return goes_by_proxy(self._proxies, self._proofs[host].route.endpoint)

    def _environment(self, runtime: RuntimeView) -> Mapping[str, str]:
        if runtime.docker is not None:
            return runtime.docker.proxies
        return self.services.proxies(pid=runtime.pid) if runtime.pid else {}

    def _status(
        self,
        name: RegistryName,
        plan: Plan,
        probe: ProbeResult | None,
        docker: DockerSettings | None,
    ) -> RegistryStatus:
        route, hosts = plan.routes.get(name), plan.hosts.get(name, ())
        reached = probe.reached if probe else frozenset[ProbeStep]()
        proofs = [self._proofs[host].proof for host in hosts if host in self._proofs]
        if hosts and len(proofs) == len(hosts) and all(proof.effective for proof in proofs):
            reached |= {ProbeStep.EFFECTIVE}
        refused = any(proof.authority and asks_who_pulls(proof.detail) for proof in proofs)
        return RegistryStatus(
            registry=name,
            hosts=hosts,
            endpoint=route.endpoint if route else None,
            trust_sha256=route.trust_sha256 if route else "",
            reached=reached,
            trust_expiry=trust_expiry(route.ders) if route else None,
            strict_reason=probe.strict_reason if probe else None,
            anchors=route.anchors if route else (),
            auth_entry=auth_entry(route.endpoint) if route and refused else "",
            anonymous_only=any(
                docker_may_not_say_who_pulls(docker, proof.detail) for proof in proofs
            ),
        )


def _of_route(proof: Proof, host: str, route: Route, docker: DockerSettings | None) -> Proof:
    """The proof, unless the runtime got its answer unverified, or from another endpoint."""
    if not proof.effective:
        return proof
    address, authority = str(route.endpoint.address), route.endpoint.authority
    if docker is not None and not docker.verifies(host=host, address=address, authority=authority):
        detail = f"dockerd is told not to verify {route.endpoint.url} (insecure-registries)"
        return Proof(reason=Reason.INSECURE_REGISTRY, detail=detail)
    if proof.authority in {"", route.endpoint.authority}:
        return proof
    return Proof(reason=Reason.RUNTIME_IGNORES_FILES, detail=f"it still asks {proof.authority}")


def _failed_probe(registry: RegistryName, route: Route, result: ProbeResult) -> Iterable[Problem]:
    if result.reason is not None:
        yield Problem(
            reason=result.reason,
            where=route.endpoint.url,
            detail=result.detail,
            registry=str(registry),
        )
