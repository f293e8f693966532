"""A plan in words, and no secret in them."""

import pytest

from agent.planning.describe import describe_step, diff_of, files_written, redact
from agent.planning.model import FoundFolder, Missing
from agent.planning.secrets import REDACTED
from agent.planning.steps import (
    AwaitReaders,
    CreateFolder,
    RemoveEmptyFolder,
    RemoveFolder,
    ReplaceFile,
    Step,
)
from tests.worlds import ROOT

FOLDER = ROOT.child("a.b.svc:1")
PATH = "/etc/containerd/certs.d/a.b.svc:1"
CREATE = CreateFolder(folder=FOLDER, files=(("ca.crt", b"ca\n"), ("hosts.toml", b"hosts\n")))
REMOVE = RemoveFolder(folder=FOLDER, names=("hosts.toml", "ca.crt"))


def replace_ca(content: bytes) -> ReplaceFile:
    return ReplaceFile(folder=FOLDER, name="ca.crt", content=content)


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (CREATE, f"create {PATH}"),
        (replace_ca(b""), f"replace {PATH}/ca.crt"),
        (AwaitReaders(), "wait for pulls that read the old files"),
        (REMOVE, f"remove {PATH}"),
        (RemoveEmptyFolder(folder=ROOT), "remove /etc/containerd/certs.d if it is empty"),
    ],
)
def test_a_step_is_a_line(step: Step, line: str) -> None:
    assert describe_step(step) == line


def test_files_are_counted_as_often_as_they_are_written() -> None:
    assert files_written([CREATE, replace_ca(b"1"), AwaitReaders(), replace_ca(b"2"), REMOVE]) == 4


def test_a_new_directory_is_all_added() -> None:
    assert diff_of([CREATE], found={FOLDER: Missing()}) == (
        f"--- /dev/null\n+++ b{PATH}/ca.crt\n@@ -0,0 +1 @@\n+ca\n"
        f"--- /dev/null\n+++ b{PATH}/hosts.toml\n@@ -0,0 +1 @@\n+hosts\n"
    )


def test_a_file_that_changes_twice_is_shown_from_its_beginning_to_its_end() -> None:
    found = {FOLDER: FoundFolder(files={"ca.crt": b"old\n"})}
    assert diff_of([replace_ca(b"old\nnew\n"), replace_ca(b"new\n")], found=found) == (
        f"--- a{PATH}/ca.crt\n+++ b{PATH}/ca.crt\n@@ -1 +1 @@\n-old\n+new\n"
    )


def test_a_removal_shows_what_is_there_and_nothing_else() -> None:
    found = {FOLDER: FoundFolder(files={"ca.crt": b"old"})}
    steps = [REMOVE, RemoveEmptyFolder(folder=ROOT), AwaitReaders()]
    assert diff_of(steps, found=found) == (
        f"--- a{PATH}/ca.crt\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n"
    )


def test_a_last_line_without_an_end_stays_a_line() -> None:
    found = {FOLDER: FoundFolder(files={"ca.crt": b"old"})}
    assert diff_of([replace_ca(b"new")], found=found).splitlines()[-2:] == ["-old", "+new"]


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    found = {FOLDER: FoundFolder(files={"ca.crt": b"\xff\n"})}
    assert "-\N{REPLACEMENT CHARACTER}\n" in diff_of([replace_ca(b"x")], found=found)


# Secrets

SECRET = "c2VjcmV0"  # noqa: S105 - the word to look for
HIDDEN = {
    "a value by its key": f'password = "{SECRET}"',
    "a value by the end of its key": f'identity_token = "{SECRET}"',
    "a value by its key in capitals": f'AUTH = "{SECRET}"',
    "a value by a quoted key with a sign in it": f'"a=b.auth" = "{SECRET}"',
    "a value by its table": f'[header]\nx-key = "{SECRET}"',
    "a value by the table of an IPv6 host": f'[host."https://[::1]:5000".header]\nx = "{SECRET}"',
    "a value by a table with a comment": f'[header] # mine\nx = "{SECRET}"',
    "a value in an inline table": f'host = {{ header = {{ x = "{SECRET}" }} }}',
    "a list over several lines": f'[header]\nx = [\n  "a",\n  "{SECRET}",\n]\n',
    "a text over several lines": f'password = """\n{SECRET}==\n"""\n',
    "a comment": f'# password = "{SECRET}"',
    "a line that is no TOML": f"password: {SECRET}",
    "all that follows a value without end": f'password = [\n"a",\nx = "{SECRET}"\n',
    "a private key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    "a private key of a kind": f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n",
}


@pytest.mark.parametrize("sentence", HIDDEN)
def test_hidden_is(sentence: str) -> None:
    shown = redact(HIDDEN[sentence])
    assert SECRET not in shown
    assert REDACTED in shown


SHOWN = {
    "our own file": 'server = "https://10.96.0.50"\nca = "ca.crt"\n\n[host]\n',
    "a table after a secret one": "[host]\nx = 1\n",
    "a certificate": "-----BEGIN CERTIFICATE-----\nMIHg\n-----END CERTIFICATE-----\n",
    "nothing": "",
}


@pytest.mark.parametrize("sentence", SHOWN)
def test_shown_is(sentence: str) -> None:
    assert redact(SHOWN[sentence]) == SHOWN[sentence]
    secret = f'[header]\nx = "{SECRET}"\n'
    key = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"
    assert redact(f"{key}[a]\n{SHOWN[sentence]}").endswith(f"[a]\n{SHOWN[sentence]}")
    assert redact(f"{secret}[a]\n{SHOWN[sentence]}").endswith(f"[a]\n{SHOWN[sentence]}")


def test_a_key_is_shown_and_its_value_hidden() -> None:
    assert redact(f'  password = "{SECRET}" # mine\n') == f'  password = "{REDACTED}"\n'


def test_the_diff_hides_them_too() -> None:
    found = {FOLDER: FoundFolder(files={"ca.crt": f'password = "{SECRET}"'.encode()})}
    assert SECRET not in diff_of([replace_ca(b"x"), REMOVE], found=found)
