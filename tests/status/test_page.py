"""The overview as JSON, on a terminal and as a page; the operator's page behind its link."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO

import pytest
from rich.console import Console

from digest.cli.status_screen import screen
from digest.domain.paper import FetchStatus
from digest.errors import BadLink
from digest.status.curves import curves_of, subscribers_by_day
from digest.status.facts import as_record
from digest.status.gather import gather
from digest.status.judge import judge
from digest.status.operator_link import check_token, operator_link
from digest.status.page import page, style_source
from digest.status.plots import Series, bars, line, scale_for
from digest.store.database import Database
from digest.store.fetches import FetchOutcome, begin_fetch, end_fetch
from digest.store.overview import Growth
from digest.web.app import create_app
from digest.wiring import Container, templates_folder
from tests.cli.shell import Shell
from tests.factories import MONDAY, SECRET, TUESDAY, WEDNESDAY, Clock, at
from tests.status.conftest import Hook
from tests.status.installation import DAY, thirty_days
from tests.web.client import Client

Installation = Callable[..., Container]
HOSTILE = "<script>alert(1)</script> & 'quoted' \""


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def test_the_figures_of_the_editions_are_those_of_the_ledger(
    installation: Installation, database: Database, clock: Clock
) -> None:
    thirty_days(database, clock())
    facts = gather(installation(sources=("arxiv", "huggingface")))
    assert [one.edition_on for one in facts.editions][-1] == WEDNESDAY
    assert all(one.edition_on.weekday() < 5 for one in facts.editions)
    last = facts.editions[-1]
    # By the rules of `thirty_days`, of its 40 subscribers.
    assert last.sent + last.skipped + last.failed == 40
    assert last.sent > 30
    assert last.delay_seconds == pytest.approx(30 + ((len(facts.editions) - 1) * 37) % 300, abs=0.01)
    assert last.taps == 9 or len(facts.editions) <= 20
    curves = curves_of(facts)
    assert len(curves.days) == len(curves.editions) == len(curves.subscribers) == 30
    assert curves.subscribers[-1] == 40
    assert list(curves.subscribers) == sorted(curves.subscribers)
    json.dumps(as_record(facts), default=str)


def test_growth_is_counted_back_from_the_present() -> None:
    days = [MONDAY, TUESDAY, WEDNESDAY]
    assert subscribers_by_day(10, [Growth(TUESDAY, 3, 1), Growth(WEDNESDAY, 1, 2)], days) == [9, 11, 10]
    assert subscribers_by_day(0, [], days) == [0, 0, 0]
    assert subscribers_by_day(1, [Growth(WEDNESDAY, 5, 0)], days) == [0, 0, 1]


class Found(HTMLParser):
    """The tags and the addresses of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.styled = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.styled |= any(name == "style" for name, _ in attrs)


def test_the_page_is_self_contained_and_escapes_what_others_wrote(
    installation: Installation, database: Database, clock: Clock
) -> None:
    thirty_days(database, clock())
    with database.begin() as connection:
        number = begin_fetch(connection, "arxiv", clock())
        end_fetch(connection, number, FetchOutcome(FetchStatus.FAILED, error=HOSTILE), clock())
    facts = gather(installation(sources=("arxiv", "huggingface")))
    html = page(facts, judge(facts), templates_folder(), "https://papers.example.org")
    found = Found(html)
    assert found.tags.count("svg") == 4 + 4  # four plots, and four keys of the first
    assert not {"script", "link", "img"} & set(found.tags)
    assert (found.addresses, found.styled) == ([], False)
    assert "&lt;script&gt;" in html
    assert "digest papers fetch arxiv" in html
    assert html.count("@example.org") == 0, "no address of a subscriber"


def test_the_page_of_an_empty_installation_renders(installation: Installation) -> None:
    facts = gather(installation())
    html = page(facts, judge(facts), templates_folder(), "https://papers.example.org")
    assert "Everything is all right." in html


def test_the_screen_fits_a_terminal_and_draws_the_editions(
    installation: Installation, database: Database, clock: Clock
) -> None:
    thirty_days(database, clock())
    facts = gather(installation(sources=("arxiv", "huggingface")))
    out = StringIO()
    Console(file=out, width=80, highlight=False).print(screen(facts, judge(facts)))
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("Everything is all right.")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert any("█" in line for line in lines)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 0, [0, 1]),
        (0, 3, [0, 1, 2, 3]),
        (0, 34, [0, 10, 20, 30, 40]),
        (0, 1_000_000, [0, 250_000, 500_000, 750_000, 1_000_000]),
        (980, 1020, [980, 990, 1000, 1010, 1020]),
    ],
)
def test_grid_lines_are_round_and_contain_the_values(low: float, high: float, ticks: list[float]) -> None:
    assert scale_for(low, high).ticks == ticks


def test_the_noise_of_equal_values_does_not_fill_the_plot() -> None:
    assert scale_for(0, 2.5e-10, is_whole=False).ticks == [0, 0.25]


def test_plots_without_values_and_with_hostile_names_are_drawn() -> None:
    days = [MONDAY + ahead * DAY for ahead in range(30)]
    nothing = Series("sent", "sent", [None] * 30)
    assert "<rect" not in bars("Mails", days, [nothing])
    assert "<path" not in line("Mails", days, nothing)
    assert "<script>" not in bars(HOSTILE, days, [Series(HOSTILE, "sent", [1] * 30)])


def test_the_operator_page_is_off_by_default(installation: Installation) -> None:
    client = Client(create_app(installation()))
    link = operator_link("", SECRET, WEDNESDAY)
    assert client.get(link).status_code == 404
    assert client.get("/operator/anything").status_code == 404


def test_the_operator_page_is_served_to_its_link_only(
    installation: Installation, database: Database, clock: Clock
) -> None:
    thirty_days(database, clock())
    client = Client(create_app(installation(operator_page=True, sources=("arxiv", "huggingface"))))
    link = operator_link("", SECRET, WEDNESDAY, days=7)
    answer = client.get(link)
    assert answer.status_code == 200
    assert "Everything is all right." in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert f"style-src {style_source(answer.text)}" in answer.headers["Content-Security-Policy"]
    token = token_of(link)
    for forged in ("anything", token[:-1], f"{token}A", token.replace("2026", "2027", 1), f"x{token}"):
        assert client.get(f"/operator/{forged}").status_code == 403
    clock.now = at(WEDNESDAY + 7 * DAY, 23)
    assert client.get(link).status_code == 200
    clock.advance(hours=2)
    assert client.get(link).status_code == 403


def test_a_link_of_another_purpose_or_key_is_no_operator_link(installation: Installation) -> None:
    other = installation().links.link("digest", "20990101", WEDNESDAY)
    for token in (
        token_of(other),
        token_of(operator_link("", b"another key", WEDNESDAY)),
        "",
        ".",
        "20990101.",
    ):
        with pytest.raises(BadLink, match="operator-link"):
            check_token(SECRET, token, WEDNESDAY)


def test_the_command_writes_the_page_and_tells_by_its_exit_status(digest: Shell) -> None:
    assert digest("status", "--html", "status.html").code == 0
    written = digest.folder / "status.html"
    assert written.stat().st_mode & 0o077 == 0, "it is for the operator alone"
    assert "Everything is all right." in written.read_text()
    broken = {
        "DIGEST_SOURCES": "arxiv",
        "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:9",
        "DIGEST_FETCH_TRIES": "1",
    }
    assert digest.tries("papers", "fetch", **broken).code == 2
    told = digest.tries("status", **broken)
    assert told.code == 2
    assert told.lines[0].startswith("1 fault:")
    assert "feed arxiv: fault" in told.out
    assert "digest papers fetch arxiv" in told.out
    assert digest.tries("status", "--json", **broken).json["verdict"] == told.lines[0]


def test_a_good_run_calls_the_switch_and_a_bad_one_does_not(digest: Shell, hook: Hook) -> None:
    url, calls = hook.url, hook.calls
    digest("run", "--no-fetch", "--now", "2025-11-20T12:00", DIGEST_HEARTBEAT_URL=url)
    assert [call[0] for call in calls] == ["GET"]
    lost = digest.tries(
        "run", DIGEST_HEARTBEAT_URL=url, DIGEST_SOURCES="arxiv", DIGEST_ARXIV_RSS_URL="http://127.0.0.1:9",
        DIGEST_FETCH_TRIES="1",
    )  # fmt: skip
    assert lost.code != 0
    assert len(calls) == 1
    assert digest("run", "--no-fetch", DIGEST_HEARTBEAT_URL="http://127.0.0.1:9").code == 0


def test_the_alarm_commands(digest: Shell, hook: Hook) -> None:
    alarm = {
        "DIGEST_ALARM": hook.url,
        "DIGEST_SOURCES": "arxiv",
        "DIGEST_ARXIV_RSS_URL": "http://127.0.0.1:9",
    }
    calls = hook.calls
    assert digest("alarms", "test", **alarm).lines == ["Sent."]
    digest.tries("papers", "fetch", DIGEST_FETCH_TRIES="1", **alarm)
    assert digest("alarms", "check", **alarm).lines == [
        "1 alarm.",
        "Told the operator: digest: feed arxiv BAD",
    ]
    assert "Another process" in digest("alarms", "check", **alarm).out
    assert [body["bad"] for _, _, body in calls] == [[], ["feed arxiv"]]
    (row,) = digest("alarms", "list", "--json").json
    assert (row["name"], row["state"], row["messages"]) == ("feed arxiv", "bad", 1)
    assert "DIGEST_ALARM" in digest.fails("alarms", "check")
    assert "DIGEST_ALARM" in digest.fails("alarms", "test")


def test_the_operator_link_is_printed(digest: Shell) -> None:
    answer = digest("operator-link", DIGEST_BASE_URL="https://papers.example.org", DIGEST_OPERATOR_PAGE="1")
    assert answer.out.startswith("https://papers.example.org/operator/")
    assert answer.err == ""
    assert "DIGEST_OPERATOR_PAGE=1" in digest("operator-link").err
