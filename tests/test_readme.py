"""The README tells of every flag, command and metric, and of no reason that does not exist."""

import re
from pathlib import Path

import pytest

from agent.errors import REMEDIES, Reason
from agent.flags import FLAGS
from agent.reporting.metrics import Metrics
from agent.reporting.trust_metrics import TrustMetrics
from agent.settings import COMMANDS
from tests.reporting.test_trust_metrics import REPORT

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


class Silence:
    """Watches of which there is nothing to tell."""

    def in_contact(self):
        return False

    def watch_ends(self):
        return {}


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_every_flag_has_its_row(flag):
    assert re.search(rf"^\| `--{flag.name}[ `]", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown(command):
    assert re.search(rf"registry-node-agent {command}\b", README)


def test_every_metric_of_ours_is_told():
    agents = Metrics(version="x", dropped_log_lines=lambda: 0, contact=Silence())
    issuer = TrustMetrics(version="x", is_leader=lambda: True)
    issuer.record(REPORT)
    names = {
        name
        for metrics in (agents, issuer)
        for name in re.findall(
            r"^# TYPE (registry_agent_\w+)", metrics.exposition(accept="")[1].decode(), re.MULTILINE
        )
    }
    assert names == set(re.findall(r"^\| `(registry_agent_\w+)", README, re.MULTILINE))


def test_only_reasons_that_exist_are_told():
    table = README.partition("| reason |")[2].partition("\n\n")[0]
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)+|[a-z]+)`", table)) - {"hosts.toml"}
    assert told - {reason.value for reason in Reason} == set()


def test_every_reason_has_a_remedy():
    assert set(REMEDIES) == set(Reason)


def test_every_event_name_is_the_slug_in_camel_case():
    assert Reason.CONFIG_PATH_UNSET.event == "ConfigPathUnset"


def test_the_first_commands_stand_within_the_first_thirty_lines():
    first = "\n".join(README.splitlines()[:30])
    assert "make demo" in first
    assert "make test" in first
