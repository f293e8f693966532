"""What becomes of each hostname where the runtime is CRI-O: the same decisions, in other files.

All hostnames stand in one drop-in, so that each is decided first and the file is written then.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from agent.errors import Problem, Reason
from agent.planning.crio_files import drop_unused, write_files
from agent.planning.crio_present import certificates_of, in_the_way, read_entries, read_routes
from agent.planning.desires import Desire, Desires
from agent.planning.endpoint_choice import choose_endpoint
from agent.planning.hostnames import registry_of
from agent.planning.lingering import asks_elsewhere, not_forgotten, reload_forbidden, what_lingers
from agent.planning.model import HostPath, RegistriesConf, RegistryName, Route
from agent.planning.ownership import Foreign
from agent.planning.revocation import without_revoked
from agent.planning.sheet import Sheet
from agent.planning.steps import ReloadRuntime
from agent.planning.unwanted import leave_unread
from agent.planning.wanted import decide
from agent.planning.withdrawal import judge_withdrawal

_ONLY_IPV6 = "it has IPv6 addresses only, and CRI-O's image references know no IPv6 literals"


@dataclass(slots=True, kw_only=True)
class DropIn:
    """The routes that the drop-in shall have, as they are decided."""

    sheet: Sheet
    conf: RegistriesConf
    present: Mapping[str, Route | None] = field(init=False)
    routes: dict[str, Route] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.present = read_routes(self.sheet.node, self.conf)

    def place(self, desire: Desire) -> None:
        """Decide on every hostname of one registry. Raises Unanswered while a probe must tell."""
        hosts = tuple(self._free(desire))
        present = {host: route for host in hosts if (route := self.present.get(host)) is not None}
        addresses = tuple(address for address in desire.addresses if address.version == 4)  # noqa: PLR2004
        if addresses:
            self._decide(replace(desire, addresses=addresses), hosts, present)
        else:
            self._report(desire, Reason.NO_IPV4_ADDRESS, _ONLY_IPV6)
            self._keep_all(desire, present)

    def _decide(self, desire: Desire, hosts: tuple[str, ...], present: Mapping[str, Route]) -> None:
        wanted = choose_endpoint(
            desire=desire,
            present=[route.endpoint for route in present.values()],
            failures=self.sheet.occasion.failures.get(desire.registry, 0),
            answers=self.sheet.answers,
        )
        owner = certificates_of(self.sheet.node, self.conf, wanted)
        if isinstance(owner, Foreign):
            self.sheet.report(replace(owner.problem, registry=str(desire.registry)))
            self._keep_all(desire, present)
            return
        if (other := self.conf.preferred.get(wanted.authority)) is not None:
            detail = f"it is preferred to our directory {wanted.authority}"
            self._report(desire, Reason.SHADOWED, detail, where=other)
        example = next(iter(present.values()), desire.proven)
        for host in hosts:
            decision = decide(
                self.sheet,
                desire,
                host,
                wanted,
                own=present.get(host),
                example=example,
                fallback=False,
            )
            if decision.route is not None:
                self.routes[host] = decision.route

    def _keep_all(self, desire: Desire, present: Mapping[str, Route]) -> None:
        for host, route in present.items():
            self._keep(desire.registry, host, route, desire.revoked, watched=True)

    def review_unwanted(self, desires: Desires) -> None:
        """Decide on the hostnames that nobody asks for. Raises Unanswered."""
        wanted = {host for desire in desires.wanted for host in desire.hosts}
        since = {}
        for host, route in self.present.items():
            registry = registry_of(host)
            if host in wanted or registry is None:
                continue
            place = HostPath(f"{self.conf.drop_in}#{host}")
            verdict = judge_withdrawal(
                registry=registry,
                place=place,
                route=route,
                desires=desires,
                ledger=self.sheet.node.ledger,
                occasion=self.sheet.occasion,
                answers=self.sheet.answers,
            )
            if verdict.problem is not None:
                self.sheet.report(verdict.problem)
            if verdict.unwanted_since is not None:
                since[place] = verdict.unwanted_since
            if not verdict.remove and route is not None:
                watched = registry in desires.kept or not desires.certain
                self._keep(registry, host, route, desires.revoked_for(registry), watched=watched)
        self.sheet.ledger = replace(self.sheet.ledger, unwanted_since=since)

    def write(self) -> None:
        """The steps to what was decided. Raises Unanswered while the runtime must be asked.

        A reload is due when the drop-in changes, or when the runtime does not go by it yet. What
        is no longer used goes once the runtime was seen to take every route that stands, and none
        that has left.
        """
        lingering = what_lingers(
            self.sheet.node.ledger,
            before=read_entries(self.sheet.node, self.conf),
            after=self.routes,
        )
        if write_files(self.sheet, self.conf, self.routes):
            self.sheet.ledger = replace(self.sheet.ledger, lingering=lingering)
            self._reload(changed=True)
            return
        proven = self.sheet.occasion.proven
        unseen = [host for host, route in self.routes.items() if proven.get(host) != route]
        self.sheet.answers.proofs_of([*unseen, *lingering])
        proofs = self.sheet.answers.proofs_of(unseen)
        endpoints = [self.routes[host].endpoint for host in unseen]
        lingering = not_forgotten(lingering, self.sheet.answers.proofs)
        self.sheet.ledger = replace(self.sheet.ledger, lingering=lingering)
        if lingering or any(map(asks_elsewhere, proofs, endpoints)):
            self._reload(changed=False)
        elif all(proof.effective for proof in proofs):
            drop_unused(self.sheet, self.conf, self.routes)
            leave_unread(self.sheet)

    def _reload(self, *, changed: bool) -> None:
        if self.sheet.occasion.may_reload:
            self.sheet.draft.routes.append(ReloadRuntime())
        elif not (changed and self.conf.reloads_itself):
            self.sheet.report(reload_forbidden(self.conf.drop_in))

    def _free(self, desire: Desire) -> Iterator[str]:
        """The hostnames that nobody else has configured; the others are reported."""
        for host in desire.hosts:
            other = self.conf.prefixes.get(host)
            if other is None:
                yield host
            else:
                self._report(desire, Reason.PREFIX_TAKEN, f"it says where {host} is", where=other)

    def _keep(
        self,
        registry: RegistryName,
        host: str,
        route: Route,
        revoked: frozenset[str],
        *,
        watched: bool,
    ) -> None:
        """A route as it is, but without revoked anchors; one that is left with none goes."""
        left = without_revoked(route.ders, revoked)
        if not left:
            self.sheet.report_all_revoked(registry)
            return
        self.routes[host] = replace(route, ders=left)
        if watched:
            self.sheet.will_stand(registry, host, self.routes[host])

    def _report(self, desire: Desire, reason: Reason, detail: str, *, where: str = "") -> None:
        self.sheet.report(
            Problem(
                reason=reason,
                where=where or f"Service {desire.registry}",
                detail=detail,
                registry=str(desire.registry),
            )
        )


def plan_drop_in(
    sheet: Sheet, conf: RegistriesConf, desires: Desires
) -> Iterator[Callable[[], None]]:
    """What is to be decided, one after the other; none where the drop-in is not ours to write."""
    if (problem := in_the_way(sheet.node, conf)) is not None:
        yield partial(sheet.report, problem)
        return
    drop_in = DropIn(sheet=sheet, conf=conf)
    yield from (partial(drop_in.place, desire) for desire in desires.wanted)
    yield partial(drop_in.review_unwanted, desires)
    yield drop_in.write
