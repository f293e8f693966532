"""The demo's steps, in the order in which they are told. Each shows, and each checks."""

from collections.abc import Callable
from subprocess import TimeoutExpired
from time import monotonic

import grpc

from tests.demo.arrivals import Arrivals
from tests.demo.puller import Puller
from tests.demo.stage import ADDRESS, HOST, IMAGE, NEW_ADDRESS, Stage, fetch, set_up
from tests.demo.telling import (
    NotAsToldError,
    expect,
    fact,
    heading,
    milliseconds,
    quote,
    say,
    timed,
)
from tests.ground import programs
from tests.ground.cache import cache_directory
from tests.ground.certificates import Authority, bundle
from tests.ground.cri import Pull
from tests.ground.namespaces import NodeTroubleError, wait_until

_PULLS = 10  # at least, in each phase of a rotation
_WORTH_A_LINE_SECONDS = 1.0
_SHOWN = (
    "registry_agent_in_sync",
    'registry_agent_probe_success{registry="registry/knative",step="effective"}',
)


def introduce() -> None:
    """Say what is shown; fetch what this machine has not yet, which may take a minute."""
    say("A container runtime pulls by a cluster hostname, over verified TLS, on one real node.")
    say(f"Programs come from Debian, once, into {cache_directory()}; nothing is installed.")
    began = monotonic()
    for name, program in fetch():
        took = monotonic() - began
        if took > _WORTH_A_LINE_SECONDS:
            fact(f"fetched {name} {program.version}", took=took)
        began = monotonic()


def present(stage: Stage) -> None:
    """Say what is real here, and what stands in for a cluster."""
    node, registry = stage.node, programs.docker_registry()
    fact(
        f"real: containerd {node.containerd_version}, docker-registry {registry.version}, TLS, the "
        "agent, a network of their own",
        took=stage.seconds,
    )
    fact(
        "played: the cluster. Its Service and ConfigMap are files, the ClusterIP is an address "
        "that only this node has; there is no DNS"
    )


def fails_before(stage: Stage) -> None:
    """1. Nothing is configured yet."""
    pull = stage.node.pull(IMAGE)
    expect(not pull.ok, but="the pull worked although nothing was configured")
    expect("no such host" in pull.error, but=f"it failed for another reason: {pull.error}")
    fact(f"pull {IMAGE}: failed. containerd says:", took=pull.seconds)
    quote(pull.error.rpartition("failed to do request: ")[2])


def works_with_the_agent(stage: Stage) -> None:
    """2. The Service and the CA are published, the agent starts."""
    stage.publish_service(address=ADDRESS)
    stage.publish_bundle(stage.authority.pem)
    began = monotonic()
    stage.agent.start()
    files = [place / name for place in stage.host_directories for name in ("ca.crt", "hosts.toml")]
    wait_until(lambda: all(file.exists() for file in files), what="the files are there")
    written = monotonic() - began
    fact(
        "Service and CA are published, the agent starts: /etc/containerd/certs.d has", took=written
    )
    quote(", ".join(place.name for place in stage.host_directories))
    fact("with ca.crt and hosts.toml in each, which says (without its comment):")
    lines = (stage.host_directories[0] / "hosts.toml").read_text().splitlines()
    quote("\n".join(line for line in lines if not line.startswith("#")))
    fact(f"pull {IMAGE}: done", took=_pulled(stage).seconds)
    first = stage.agent.await_pass(number=1)
    expect(first["in_sync"], but=f"the first pass found problems: {first['problems']}")


def follows_the_service(stage: Stage) -> None:
    """3. The Service gets another ClusterIP."""
    containerd_pid = stage.node.containerd.process.program_pid
    certificate = stage.authority.issue(dns=[HOST], ips=[NEW_ADDRESS])
    stage.registry.open_front("second", address=NEW_ADDRESS, certificate=certificate)
    stage.registry.close_front("first")
    stage.node.remove_address(ADDRESS)
    stage.node.remove_image(IMAGE)
    pull = stage.node.pull(IMAGE)
    expect(not pull.ok, but="the pull worked although the old ClusterIP is gone")
    fact(f"the old ClusterIP {ADDRESS} is gone: the pull fails", took=pull.seconds)
    with Arrivals(directories=stage.host_directories, name="hosts.toml") as arrivals:
        began = monotonic()
        stage.publish_service(address=NEW_ADDRESS)
        took = arrivals.await_all() - began
    fact(f"Service changed to {NEW_ADDRESS}: the new hosts.toml is on disk, four times", took=took)
    for place in stage.host_directories:
        text = (place / "hosts.toml").read_text()
        expect(f'"https://{NEW_ADDRESS}"' in text, but=f"{place} names another endpoint: {text}")
    took = _pulled(stage).seconds
    is_same = stage.node.containerd.process.program_pid == containerd_pid
    expect(is_same, but="containerd has become another process")
    fact("pull: done; containerd was not restarted", took=took)


def rotates_the_ca(stage: Stage) -> None:
    """4. The CA is replaced while pulls go on."""
    old, new = stage.authority, Authority.create(name="registry CA, the second")
    with Puller(node=stage.node, image=IMAGE) as puller:
        puller.await_pulls(_PULLS)
        fact("old and new CA in the bundle: on disk", took=_trusted(stage, bundle(old, new)))
        puller.await_pulls(_PULLS)
        certificate = new.issue(dns=[HOST], ips=[NEW_ADDRESS])
        took = timed(lambda: stage.registry.switch_certificate("second", certificate))
        fact("the registry serves a certificate of the new CA", took=took)
        puller.await_pulls(_PULLS)
        fact("only the new CA in the bundle: on disk", took=_trusted(stage, new.pem))
        puller.await_pulls(_PULLS)
    pulls, failures = puller.pulls, puller.failures
    expect(not failures, but=f"{len(failures)} of {len(pulls)} pulls failed: {failures[:1]}")
    slowest = milliseconds(max(pull.seconds for pull in pulls))
    fact(f"meanwhile {len(pulls)} pulls, one after the other: 0 failed (the slowest {slowest})")


def reports(stage: Stage) -> None:
    """5. What Prometheus and a person are told."""
    _await_in_sync(stage)
    fact("http://127.0.0.1:9808/metrics says, among others:")
    lines = [line for line in stage.agent.metrics().splitlines() if line.startswith(_SHOWN)]
    quote("\n".join(lines))
    expect([line.endswith(" 1.0") for line in lines] == [True, True], but="one of them is not 1")
    began = monotonic()
    doctor = stage.agent.call("doctor")
    fact("registry-node-agent doctor:", took=monotonic() - began)
    quote(doctor.stdout, cut=True)
    expect(doctor.returncode == 0, but=f"doctor ended {doctor.returncode}: {doctor.stderr}")


def leaves_nothing(stage: Stage) -> None:
    """6. The agent is stopped and removed."""
    began = monotonic()
    status = stage.agent.stop()
    expect(status == 0, but=f"the agent ended {status} on SIGTERM")
    fact("SIGTERM: the agent ended with status 0; its files stay", took=monotonic() - began)
    stage.node.remove_image(IMAGE)
    _pulled(stage)
    began = monotonic()
    removal = stage.agent.call("remove")
    expect(removal.returncode == 0, but=f"remove ended {removal.returncode}: {removal.stderr}")
    fact("registry-node-agent remove", took=monotonic() - began)
    after = stage.node.snapshot()
    paths = set(stage.before) | set(after)
    changed = sorted(path for path in paths if stage.before.get(path) != after.get(path))
    expect(not changed, but=f"the node is not as it was: {', '.join(changed)}")
    files = sum(entry.kind == "file" for entry in after.values())
    fact(f"the node's {files} files and their directories: byte for byte as before the agent")


_SEEN_INSTEAD = (NotAsToldError, NodeTroubleError, OSError, TimeoutExpired, grpc.RpcError)
STEPS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("1. Before: the node knows neither the name nor the CA", fails_before),
    ("2. The agent makes the pull work", works_with_the_agent),
    ("3. The Service gets another ClusterIP", follows_the_service),
    ("4. The CA is rotated while pulls go on", rotates_the_ca),
    ("5. What Prometheus and a person are told", reports),
    ("6. The agent is removed", leaves_nothing),
)


def tell() -> None:
    """The whole story. Raises NotAsToldError, with the step named."""
    introduce()
    with set_up() as stage:
        present(stage)
        for title, step in STEPS:
            heading(title)
            try:
                step(stage)
            except _SEEN_INSTEAD as other:
                log = f"the agent's log ends with:\n{stage.agent.last_words()}"
                raise NotAsToldError(f"step {title!r}: {other}\n{log}") from other


def _pulled(stage: Stage) -> Pull:
    pull = stage.node.pull(IMAGE)
    expect(pull.ok, but=f"the pull failed: {pull.error}")
    return pull


def _trusted(stage: Stage, pem: str) -> float:
    """Publish a bundle; how long until the last ca.crt was new."""
    with Arrivals(directories=stage.host_directories, name="ca.crt") as arrivals:
        began = monotonic()
        stage.publish_bundle(pem)
        return arrivals.await_all() - began


def _await_in_sync(stage: Stage) -> None:
    """Until the last pass, with the runtime's own proof in it, has ended."""
    wanted = "registry_agent_in_sync 1.0"
    wait_until(lambda: wanted in stage.agent.metrics(), what=wanted)
