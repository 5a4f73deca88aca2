"""ORCID iDs as they are typed."""

import pytest

from digest.domain.orcid import parse_author, parse_orcid
from digest.errors import BadInput

ORCID = "0000-0002-1825-0097"


@pytest.mark.parametrize(
    "text", [ORCID, f" https://orcid.org/{ORCID} ", "0000000218250097", f"orcid.org/{ORCID}/"]
)
def test_an_orcid_is_read_in_any_form(text: str) -> None:
    assert parse_orcid(text) == ORCID


@pytest.mark.parametrize(
    "text", ["", "Ada", "0000-0002-1825-0098", "0000-0002-1825", f"{ORCID}1", "x" * 9999]
)
def test_a_wrong_orcid_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="ORCID iD"):
        parse_orcid(text)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Jane Doe", "Jane Doe"),
        (f"https://orcid.org/{ORCID}", ORCID),
        (f"{ORCID} | Jane Doe", f"{ORCID}|Jane Doe"),
        ("000000021694233x", "0000-0002-1694-233X"),
        ("2 Chainz", "2 Chainz"),
    ],
)
def test_a_followed_author_is_a_name_or_an_orcid(typed: str, stored: str) -> None:
    assert parse_author(typed) == stored


@pytest.mark.parametrize(
    "typed", ["0000-0002-1825-0098", "https://orcid.org/jane", "Jane|0000 0002 1825 0097"]
)
def test_a_number_that_is_no_orcid_is_not_taken_for_a_name(typed: str) -> None:
    with pytest.raises(BadInput, match="is not an ORCID iD; it looks like"):
        parse_author(typed)
