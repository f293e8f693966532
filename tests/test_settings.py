"""One table of flags: flags win over the environment, and what is bad is named and refused."""

import socket
from datetime import timedelta
from pathlib import Path

import pytest

from agent.flags import FLAGS
from agent.planning.listen_address import ListenAddress
from agent.settings import COMMANDS, Settings, read_settings

MANIFESTS = ("--manifests", "/manifests")
DEFAULTS = {
    "command": "sync",
    "manifests": Path("/manifests"),
    "kubeconfig": None,
    "namespaces": ("registry",),
    "cluster_domain": "cluster.local",
    "host_root": Path("/"),
    "runtime": "auto",
    "listen": ListenAddress(host="127.0.0.1", port=9808),
    "probe_interval_seconds": 300.0,
    "withdraw_after": timedelta(minutes=10),
    "state_dir": "/var/lib/registry-node-agent",
    "output": "text",
    "exit_code": False,
    "apply_held": False,
    "watch": False,
    "stay": False,
}


def read(*arguments: str, **environment: str) -> Settings:
    variables = {f"REGISTRY_NODE_AGENT_{name}": text for name, text in environment.items()}
    return read_settings(["sync", *MANIFESTS, *arguments], variables)


def references(settings: Settings) -> dict[str, str]:
    return {namespace: item.text for namespace, item in settings.trust_references.items()}


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str, **environment: str) -> str:
    with pytest.raises(SystemExit) as ended:
        read(*arguments, **environment)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_setting_has_its_default(name: str) -> None:
    assert getattr(read(), name) == DEFAULTS[name]


def test_the_bundle_has_its_default() -> None:
    assert references(read()) == {"": "configmap:registry-trust/registry-trust"}


def test_a_node_is_named_by_flag_then_by_the_downward_api_then_by_its_host_name() -> None:
    command = ["sync", *MANIFESTS]
    assert read_settings([*command, "--node-name", "a"], {"NODE_NAME": "b"}).node_name == "a"
    assert read_settings(command, {"NODE_NAME": "b"}).node_name == "b"
    assert read_settings(command, {}).node_name == socket.gethostname()


GIVEN = {
    "cluster-domain": ("corp.example", "cluster_domain", "corp.example"),
    "host-root": ("/tmp", "host_root", Path("/tmp")),  # noqa: S108 - any directory
    "runtime": ("containerd", "runtime", "containerd"),
    "listen": ("[::1]:0", "listen", ListenAddress(host="::1", port=0)),
    "node-name": ("node-1", "node_name", "node-1"),
    "probe-interval": ("90s", "probe_interval_seconds", 90.0),
    "withdraw-after": ("1.5h", "withdraw_after", timedelta(minutes=90)),
    "state-dir": ("/srv/agent/", "state_dir", "/srv/agent"),
    "output": ("json", "output", "json"),
    "namespace": ("builds", "namespaces", ("builds",)),
}


@pytest.mark.parametrize("flag", GIVEN)
def test_a_setting_is_given_by_flag_or_by_variable(flag: str) -> None:
    text, name, value = GIVEN[flag]
    variable = flag.replace("-", "_").upper()
    assert getattr(read(f"--{flag}", text), name) == value
    assert getattr(read(**{variable: text}), name) == value


@pytest.mark.parametrize("flag", ["exit-code", "apply-held"])
def test_a_switch_is_given_by_flag_or_by_variable(flag: str) -> None:
    name = flag.replace("-", "_")
    assert getattr(read(f"--{flag}"), name) is True
    assert getattr(read(**{name.upper(): "True"}), name) is True
    assert getattr(read(**{name.upper(): "false"}), name) is False
    assert getattr(read(f"--{flag}", **{name.upper(): "false"}), name) is True


def test_the_flag_wins() -> None:
    settings = read("--cluster-domain", "flag", CLUSTER_DOMAIN="variable")
    assert settings.cluster_domain == "flag"


def test_an_empty_variable_says_nothing() -> None:
    assert read(CLUSTER_DOMAIN="", NAMESPACE="", OUTPUT=" ") == read()


@pytest.mark.parametrize("name", ["NAMESPACE", "TRUST_BUNDLE"])
def test_a_variable_for_several_values_that_has_none_is_refused(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert f"REGISTRY_NODE_AGENT_{name}: there is no value" in refusal(capsys, **{name: " \t"})


@pytest.mark.parametrize("flag", ["namespace", "cluster-domain", "probe-interval"])
def test_a_bad_variable_is_not_looked_at_where_the_flag_is_given(flag: str) -> None:
    text, name, value = GIVEN[flag]
    variable = flag.replace("-", "_").upper()
    assert getattr(read(f"--{flag}", text, **{variable: "not. good!"}), name) == value


def test_namespaces_may_be_several_and_replace_the_default() -> None:
    assert read("--namespace", "a", "--namespace", "b", "--namespace", "a").namespaces == ("a", "b")
    assert read(NAMESPACE="a  b").namespaces == ("a", "b")
    assert read("--namespace", "a", NAMESPACE="b").namespaces == ("a",)


def test_bundles_may_be_one_for_all_and_one_for_a_namespace() -> None:
    given = ("--trust-bundle", "file:/ca.crt", "--trust-bundle", "a=clustertrustbundle:x:y")
    expected = {"": "file:/ca.crt", "a": "clustertrustbundle:x:y"}
    assert references(read(*given)) == expected
    assert references(read(TRUST_BUNDLE=f"{given[1]} {given[3]}")) == expected


def test_a_bundle_for_a_namespace_leaves_the_default_for_the_others() -> None:
    assert references(read("--trust-bundle", "a=file:/ca=1")) == {
        "": "configmap:registry-trust/registry-trust",
        "a": "file:/ca=1",
    }


@pytest.mark.parametrize(
    ("bundles", "told"),
    [
        (("a=file:/1", "b=file:/2", "a=file:/3"), "more than one bundle for namespace a"),
        (("file:/1", "a=file:/1", "file:/2"), "more than one bundle for all namespaces"),
    ],
)
def test_two_bundles_for_one_namespace_are_refused(
    capsys: pytest.CaptureFixture[str], bundles: tuple[str, ...], told: str
) -> None:
    flags = [f"--trust-bundle={bundle}" for bundle in bundles]
    assert f"error: --trust-bundle: {told}" in refusal(capsys, *flags)
    expected = f"error: REGISTRY_NODE_AGENT_TRUST_BUNDLE: {told}"
    assert expected in refusal(capsys, TRUST_BUNDLE=" ".join(bundles))
    assert references(read("--trust-bundle=file:/4", TRUST_BUNDLE=" ".join(bundles)))


REFUSED = {
    "namespace": ["Upper", "a.b", "-a"],
    "trust-bundle": ["secret:a/b", "configmap:a", "a=", "a=b", "file:"],
    "cluster-domain": ["cluster..local", "Cluster.local"],
    "host-root": ["/nowhere/at/all", "/dev/null"],
    "runtime": ["dockerd", "podman"],
    "layout": ["openwrt"],
    "disrupt": ["always"],
    "listen": ["9808", ":9808", "127.0.0.1", "127.0.0.1:65536", "::1:9808"],
    "probe-interval": [
        "5",
        "5 m",
        "-5m",
        "5w",
        "m",
        "0s",
        "999ms",
        "1e3s",
        "\u0665m",
        "9" * 400 + "h",
    ],
    "withdraw-after": ["never", "99999999999999h", "87601h"],
    "state-dir": ["state", "/", "//", "/.", "/srv/../etc"],
    "output": ["yaml"],
}


@pytest.mark.parametrize(
    ("flag", "text"), [(flag, text) for flag, texts in REFUSED.items() for text in texts]
)
def test_a_bad_value_is_named_and_refused(
    capsys: pytest.CaptureFixture[str], flag: str, text: str
) -> None:
    assert f"--{flag}" in refusal(capsys, f"--{flag}={text}")
    variable = flag.replace("-", "_").upper()
    assert f"error: REGISTRY_NODE_AGENT_{variable}: " in refusal(capsys, **{variable: text})


def test_a_switch_takes_true_or_false(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'yes' is neither true nor false" in refusal(capsys, APPLY_HELD="yes")


def test_a_word_that_is_not_known_is_told_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = refusal(capsys, "--runtime", "podman")
    assert "'podman' is not known; use one of: auto, containerd, crio, docker" in told


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["frobnicate"], id="an unknown command"),
        pytest.param(["sync", "--frobnicate"], id="an unknown flag"),
        pytest.param(["sync", "--manifest", "x"], id="a flag cut short"),
        pytest.param(["sync", "extra", *MANIFESTS], id="one word too many"),
    ],
)
def test_bad_usage_ends_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_settings(arguments, {})
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_without_manifests_the_api_server_is_asked_as_a_pod_or_by_a_kubeconfig(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    given = read_settings(["run", "--kubeconfig", str(kubeconfig)], {})
    assert (given.manifests, given.kubeconfig) == (None, kubeconfig)
    pod = read_settings(["run"], {"KUBERNETES_SERVICE_HOST": "10.96.0.1"})
    assert (pod.manifests, pod.kubeconfig) == (None, None)
    with pytest.raises(SystemExit) as ended:
        read_settings(["run"], {})
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "--kubeconfig FILE" in told
    assert "--manifests DIR" in told


def test_a_kubeconfig_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--kubeconfig: '/nonexistent' is no file" in refusal(
        capsys, "--kubeconfig", "/nonexistent"
    )
    assert "REGISTRY_NODE_AGENT_KUBECONFIG: '/nonexistent' is no file" in refusal(
        capsys, KUBECONFIG="/nonexistent"
    )


class TestFleet:
    """Its kubeconfig is a person's: found where kubectl finds it."""

    def test_is_named_first_by_the_flag(self, tmp_path: Path) -> None:
        (tmp_path / "given").touch()
        environment = {"KUBECONFIG": "/other", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
        found = read_settings(["fleet", "--kubeconfig", str(tmp_path / "given")], environment)
        assert found.kubeconfig == tmp_path / "given"

    def test_in_a_pod_is_none(self) -> None:
        environment = {"KUBECONFIG": "/other", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
        assert read_settings(["fleet"], environment).kubeconfig is None

    def test_else_is_what_the_variable_names_and_then_the_usual_file(self, tmp_path: Path) -> None:
        usual = tmp_path / ".kube/config"
        usual.parent.mkdir()
        usual.touch()
        home = {"HOME": str(tmp_path)}
        assert read_settings(["fleet"], home | {"KUBECONFIG": "/a:/b"}).kubeconfig == Path("/a:/b")
        assert read_settings(["fleet"], home).kubeconfig == usual

    def test_that_is_nowhere_is_bad_usage(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            read_settings(["fleet"], {"HOME": str(tmp_path)})
        assert ended.value.code == 2
        assert "--kubeconfig FILE" in capsys.readouterr().err

    def test_manifests_are_of_no_use_to_it(self, tmp_path: Path) -> None:
        environment = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
        arguments = ["fleet", "--manifests", str(tmp_path)]
        assert read_settings(arguments, environment).manifests is None


def test_removal_needs_no_manifests() -> None:
    assert read_settings(["remove"], {}).command == "remove"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_every_flag(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_settings([command, "--help"], {})
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(flag.variable in told for flag in FLAGS)


def test_one_node_may_restart_its_runtime_but_the_daemon_takes_no_turns_yet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert read("--disrupt", "restart-in-turn").may_restart
    assert not read().may_restart
    with pytest.raises(SystemExit) as ended:
        read_settings(["run", *MANIFESTS], {"REGISTRY_NODE_AGENT_DISRUPT": "restart-in-turn"})
    assert ended.value.code == 2
    assert "`run` takes no restart turns" in capsys.readouterr().err
