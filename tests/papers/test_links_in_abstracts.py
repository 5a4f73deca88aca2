import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.papers.links_in_abstracts import named_addresses
from digest.papers.sources.common import is_web_address


@pytest.mark.parametrize(
    ("abstract", "found"),
    [
        ("Code is at https://github.com/fern/gulls.", {"code": "https://github.com/fern/gulls"}),
        ("Our code (github.com/fern/gulls.git) is free.", {"code": "https://github.com/fern/gulls"}),
        ("See https://www.github.com/fern/gulls/tree/main", {"code": "https://github.com/fern/gulls"}),
        ("https://gitlab.com/fern/gulls, too", {"code": "https://gitlab.com/fern/gulls"}),
        ("See https://fern.github.io/gulls/.", {"project": "https://fern.github.io/gulls/"}),
        ("Project page: https://gulls.example.org/a.", {"project": "https://gulls.example.org/a"}),
        ("Our project website is http://gulls.example.org", {"project": "http://gulls.example.org"}),
        (
            "Project page: https://fern.github.io/gulls; code: https://github.com/fern/gulls",
            {"project": "https://fern.github.io/gulls", "code": "https://github.com/fern/gulls"},
        ),
        ("Project page: https://github.com/fern/gulls", {"code": "https://github.com/fern/gulls"}),
        ("We count gulls at https://example.org/gulls.", {}),
        ("We mined github.com and notgithub.com/a/b and me@github.com/a/b.", {}),
        ("", {}),
    ],
)
def test_repositories_and_projects_are_found(abstract: str, found: dict[str, str]) -> None:
    assert named_addresses(abstract) == found


@given(st.text() | st.text(alphabet="github.com/:pse-aje ", max_size=300))
def test_found_addresses_are_valid_links(abstract: str) -> None:
    assert all(is_web_address(address) for address in named_addresses(abstract).values())


@pytest.mark.parametrize(
    "unit", ["github.com/", "https://", "project page ", "a", "a-", "sites.google.com/view/", "www."]
)
def test_long_texts_take_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    named_addresses(text)
    assert time.process_time() - started < 1
