"""Sentences of other programs, told without what may be a secret in them."""

import pytest

from agent.planning.secrets import redact_words


def test_credentials_in_a_url_or_a_header_are_not_told() -> None:
    told = redact_words(
        'Get "https://me:hunter2@10.96.0.50/token?account=hunter2": 401, sent '
        "Authorization: Basic aHVudGVyMg==, token=hunter2; -----BEGIN PRIVATE KEY-----\nhunter2"
    )
    assert "hunter2" not in told
    assert "aHVudGVyMg" not in told
    assert told.startswith('Get "https://[redacted]10.96.0.50/token[redacted]": 401')


@pytest.mark.parametrize(
    "shown",
    ["b'Bearer hunter2\\n'", "b'Bearer a hunter2'", 'b"bearer it\'s, hunter2"', "b'Bearer hunter2"],
)
def test_a_header_as_python_shows_its_bytes_is_not_told(shown: str) -> None:
    told = redact_words(f"ValueError: Invalid header value {shown}, said http.client")
    assert "hunter2" not in told
    assert told.startswith("ValueError: Invalid header value b")


def test_a_sentence_without_any_stays_as_it_is() -> None:
    said = (
        "unknown-authority: https://10.96.0.50: certificate signed by unknown authority; "
        "publish the CA that signed the registry's certificate"
    )
    assert redact_words(said) == said
