"""What others have told CRI-O: names that are theirs, and files that are broken."""

import pytest

from agent.errors import Reason
from agent.planning.authorities import parse_authority
from agent.planning.crio_drop_in import parse_drop_in, render_drop_in
from agent.planning.model import HEADER, HostPath
from agent.planning.registries_conf import MAIN, read_others
from tests.realnode.registries_files import ACCEPTED, REFUSED
from tests.worlds import LONG, SHORT, endpoint

LATER = HostPath("/etc/containers/registries.conf.d/90-theirs.conf")


def test_a_name_belongs_to_the_last_file_that_has_it() -> None:
    first = f'[[registry]]\nprefix = "{LONG}"\nlocation = "a:1"\n'.encode()
    last = f'[[registry]]\nlocation = "{LONG}"\n'.encode()
    others = read_others([(MAIN, first), (LATER, last)])
    assert others.prefixes == {LONG: LATER}
    assert others.problems == ()


def test_an_empty_prefix_is_none_as_openshift_writes_it() -> None:
    content = f'[[registry]]\nprefix = ""\nlocation = "{LONG}"\n'.encode()
    others = read_others([(MAIN, content)])
    assert (others.prefixes, others.problems) == ({LONG: MAIN}, ())


@pytest.mark.parametrize(
    "content",
    [b"[[registry\n", b"\xff", b"registry = 5\n", b"[[registry]]\ninsecure = true\n"],
)
def test_a_file_that_crio_would_not_start_with_is_named_and_the_others_count(
    content: bytes,
) -> None:
    good = f'[[registry]]\nprefix = "{LONG}"\nlocation = "a:1"\n'.encode()
    others = read_others([(MAIN, content), (LATER, good)])
    assert [problem.reason for problem in others.problems] == [Reason.REGISTRIES_CONF_BROKEN]
    assert others.problems[0].where == MAIN
    assert others.prefixes == {LONG: LATER}


@pytest.mark.parametrize("sentence", ACCEPTED)
def test_nothing_is_said_of_a_file_that_crio_takes(sentence: str) -> None:
    assert read_others([(LATER, ACCEPTED[sentence].encode())]).problems == ()


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_it_refuses_is_named(sentence: str) -> None:
    """Both tables are held to the real CRI-O by tests/realnode/test_crio_foreign_files.py."""
    others = read_others([(LATER, REFUSED[sentence].encode())])
    assert [problem.where for problem in others.problems] == [LATER]


def test_the_main_file_may_be_of_version_1_and_of_that_alone() -> None:
    old = REFUSED["version 1"]
    assert read_others([(MAIN, old.encode())]).problems == ()
    mixed = f'short-name-mode = "enforcing"\n{old}'
    assert len(read_others([(MAIN, mixed.encode())]).problems) == 1


def test_a_drop_in_says_exactly_where_each_name_is() -> None:
    text = render_drop_in({SHORT: endpoint(), LONG: endpoint("10.96.0.51", 443)}).decode()
    assert text == (
        f"{HEADER}\n"
        f'[[registry]]\nprefix = "{LONG}"\nlocation = "10.96.0.51:443"\n\n'
        f'[[registry]]\nprefix = "{SHORT}"\nlocation = "10.96.0.50:5000"\n'
    )


@pytest.mark.parametrize(
    "entry",
    [
        f'prefix = "{LONG}"\nlocation = "10.96.0.50:443"\ninsecure = true\n',
        f'prefix = "{LONG}"\nlocation = "registry.example.com:443"\n',
        'prefix = "docker.io"\nlocation = "10.96.0.50:443"\n',
        f'prefix = "{LONG}"\n',
    ],
)
def test_what_is_not_of_our_form_is_no_route(entry: str) -> None:
    assert parse_drop_in(f"[[registry]]\n{entry}".encode()) == {}


@pytest.mark.parametrize(
    "text", ["10.96.0.50", "10.96.0.50:0", "10.96.0.500:443", "10.96.0.50:65536", "[fd00::1]:443"]
)
def test_an_endpoint_has_an_ipv4_address_and_a_port(text: str) -> None:
    assert parse_authority(text) is None
