"""What a reader can set, see, download and erase from their own page."""

import re
from datetime import datetime, timedelta

import pytest

from digest.delivery.daily import Job, run
from digest.readers.subscriber import Subscriber
from digest.store.pending_feedback import read_pending
from digest.store.readers import read_feedback
from digest.web.preferences import PREVIEWS
from digest.wiring import Parts
from tests.factories import (
    BASE_URL,
    FRIDAY,
    TUESDAY,
    WEDNESDAY,
    Clock,
    add_papers,
    add_reader,
    at,
    links,
    make_paper,
    make_papers,
    office,
    reader_now,
)
from tests.web.conftest import dump
from tests.web.visitor import Visitor


@pytest.fixture
def reader(parts: Parts) -> Subscriber:
    add_papers(parts.database, *make_papers(12))
    return add_reader(parts.database, topics=["gaussian splatting"], like=["2603.00004"])


def page_of(reader: Subscriber) -> str:
    return links().link("preferences", reader.key, WEDNESDAY).removeprefix(BASE_URL)


def send(visitor: Visitor, reader: Subscriber, action: str = "save", **fields: str | list[str]) -> str:
    """Press a button of the page; return the page that follows."""
    answer = visitor.post(page_of(reader), data={"do": action, **fields})
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith("/preferences/")
    followed = visitor.get(answer.headers["location"])
    assert followed.status_code == 200
    return followed.text


def previewed(page: str) -> str:
    """What a page says one would get."""
    return page.partition('id="preview"')[2].partition("</section>")[0]


def look(visitor: Visitor, reader: Subscriber, **fields: str | list[str]) -> str:
    """What the page's script is told while somebody types this."""
    answer = visitor.post(f"{page_of(reader)}/preview", data={"part": "preview", **fields})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_everything_can_be_set_at_once(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    page = send(
        visitor,
        reader,
        topics="protein design\r\n  robot   grasping \r\n\r\nprotein design",
        must="learning|folding",
        mute="clinical\nsurvey",
        follow="Ada Lovelace",
        categories="cs.CL, hep-th",
        frequency="weekly",
        hour="18",
        timezone="Europe/Berlin",
        max_papers="5",
    )
    now = reader_now(parts.database, reader.address)
    assert now.interests.topics == ("protein design", "robot grasping")
    assert now.interests.must == ("learning|folding",)
    assert now.interests.mute == ("clinical", "survey")
    assert now.interests.follow == ("Ada Lovelace",)
    assert now.interests.categories == ("cs.CL", "hep-th")
    assert (now.rhythm.frequency, now.rhythm.hour, now.rhythm.timezone) == ("weekly", 18, "Europe/Berlin")
    assert now.max_papers == 5
    for shown in ("protein design\nrobot grasping", "learning|folding", "Ada Lovelace", "cs.CL hep-th"):
        assert shown in page
    assert '<option value="Europe/Berlin" selected>' in page


def test_what_a_form_does_not_have_stays(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    send(visitor, reader, mute="clinical")
    now = reader_now(parts.database, reader.address)
    assert now.interests.topics == reader.interests.topics
    assert now.rhythm == reader.rhythm


def test_an_emptied_field_is_emptied(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    send(visitor, reader, topics="")
    assert reader_now(parts.database, reader.address).interests.topics == ()


def test_saving_shows_what_one_would_get_and_sends_nothing(
    visitor: Visitor, parts: Parts, reader: Subscriber
) -> None:
    page = send(visitor, reader, topics="speech recognition")
    preview = previewed(page)
    assert "Streaming speech recognition" in preview
    assert "Protein" not in preview
    assert "Because of:" in preview
    with parts.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from deliveries").scalar() == 0


DRAFTS: list[dict[str, str | list[str]]] = [
    {"topics": "speech recognition"},
    {"topics": "speech recognition\nprotein folding", "mute": "dialect"},
    {"like": ["2603.00002", "2603.00006"]},
    {"topics": "", "pasted": "arXiv:2603.00007, 2603.00003v2"},
    {"topics": "robots", "categories": "cs.LG", "max_papers": "3", "follow": "Bo Li"},
    {"topics": "protein folding", "must": "protein|grasping"},
]


@pytest.mark.parametrize("fields", DRAFTS, ids="+".join)
def test_a_preview_is_what_saving_would_bring_and_writes_nothing(
    visitor: Visitor, parts: Parts, reader: Subscriber, fields: dict[str, str | list[str]]
) -> None:
    before = dump(parts)
    shown = look(visitor, reader, **fields)
    assert dump(parts) == before
    assert "<li>" in shown
    assert "<html" not in shown
    assert previewed(send(visitor, reader, "save", **fields)) == previewed(shown)
    assert dump(parts) != before


def test_without_script_a_button_shows_it_and_what_was_typed_stays(
    visitor: Visitor, parts: Parts, reader: Subscriber
) -> None:
    before = dump(parts)
    typed: dict[str, str | list[str]] = {
        "topics": "speech recognition\r\nprotein folding",
        "pasted": "arXiv:2603.00007",
        "like": ["2603.00002"],
        "mute": "dialect",
        "must": "",
        "categories": "cs.LG",
        "frequency": "weekly",
        "hour": "18",
        "timezone": "Asia/Tokyo",
        "max_papers": "3",
    }
    answer = visitor.post(f"{page_of(reader)}/preview", data={"do": "save", **typed})
    assert answer.status_code == 200
    page = answer.text
    assert dump(parts) == before
    assert previewed(page) == previewed(look(visitor, reader, **typed))
    for kept in (
        ">\nspeech recognition\nprotein folding</textarea>",
        ">\narXiv:2603.00007</textarea>",
        'value="2603.00002" checked>',
        ">\ndialect</textarea>",
        'value="cs.LG"',
        '<option value="weekly" selected>',
        '<option value="18" selected>',
        '<option value="Asia/Tokyo" selected>',
        'max="50" value="3"',
    ):
        assert kept in page, kept
    assert page.count(" checked>") == 1


def test_a_new_reader_who_looks_first_is_still_asked_what_they_work_on(
    visitor: Visitor, reader: Subscriber
) -> None:
    page = visitor.post(f"{page_of(reader)}/preview", data={"topics": "robots", "new": "yes"}).text
    assert "What do you work on?" in page
    assert 'name="new"' in page
    assert "What we know about you" not in page


def test_half_typed_words_are_answered_in_words(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    before = dump(parts)
    for fields, said in (
        ({"categories": "cs."}, "no arXiv category"),
        ({"pasted": "2603"}, "no paper in what"),
    ):
        shown = look(visitor, reader, **fields)
        assert said in shown
        assert 'class="preview wrong"' in shown
        assert "<li>" not in shown
        page = visitor.post(f"{page_of(reader)}/preview", data=fields)
        assert page.status_code == 422
        assert page.text.count(said) == 1
    assert dump(parts) == before


def test_what_was_typed_stays_when_it_can_not_be_saved(visitor: Visitor, reader: Subscriber) -> None:
    page = visitor.post(
        page_of(reader), data={"topics": "ice cores", "max_papers": "0", "like": "2603.00002"}
    )
    assert page.status_code == 422
    assert ">\nice cores</textarea>" in page.text
    assert 'value="2603.00002" checked>' in page.text


def test_hostile_words_stay_words_when_they_are_shown_again(visitor: Visitor, reader: Subscriber) -> None:
    hostile = "</textarea><script>alert(1)</script>\"'{{7191*7}}\u202e"
    names = (
        "topics",
        "must",
        "mute",
        "follow",
        "categories",
        "pasted",
        "like",
        "frequency",
        "timezone",
        "hour",
    )
    fields = {**dict.fromkeys(names, hostile), "max_papers": "5", "new": hostile}
    harmless = {"topics": hostile, "follow": hostile}
    for typed, status in ((fields, 422), (harmless, 200)):
        for part, expected in (("", status), ("preview", 200)):
            answer = visitor.post(f"{page_of(reader)}/preview", data={**typed, "part": part})
            assert answer.status_code == expected
            assert "<script>alert" not in answer.text
            assert "\u202e" not in answer.text
            assert "50337" not in answer.text


def test_a_preview_takes_the_readers_own_link(visitor: Visitor, reader: Subscriber) -> None:
    feedback = links().link("feedback", reader.key, WEDNESDAY).removeprefix(BASE_URL)
    stolen = feedback.replace("/feedback/", "/preferences/")
    for path, status in ((f"{stolen}/preview", 403), ("/preferences/forged/preview", 403)):
        assert visitor.post(path, data={"topics": "robots"}).status_code == status
    assert visitor.get(f"{page_of(reader)}/preview").status_code == 405


def test_previews_of_one_reader_come_to_an_end(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    other = add_reader(parts.database, "ben@example.org")
    while visitor.app.state.site.previews.hit(PREVIEWS, reader.key):
        pass
    answer = visitor.post(f"{page_of(reader)}/preview", data={"topics": "robots"})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    assert "<li>" in look(visitor, other, topics="robots")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (at(TUESDAY, 12), "Today you would get"),
        (at(WEDNESDAY, 12), "Yesterday you would have got"),
        (at(FRIDAY, 12), "On Tuesday you would have got"),
    ],
)
def test_a_day_without_papers_shows_the_last_that_had_some(
    visitor: Visitor, parts: Parts, reader: Subscriber, clock: Clock, now: datetime, said: str
) -> None:
    run(office(parts.database), parts.profiles, Job(), lambda: at(TUESDAY, 8))
    clock.now = now
    shown = look(visitor, reader, topics="speech recognition")
    assert said in shown
    assert "Streaming speech recognition" in shown


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"hour": "25"}, "between 0 and 23"),
        ({"hour": "noon"}, "is not a number"),
        ({"timezone": "Berlin"}, "did you mean Europe/Berlin"),
        ({"timezone": "../../etc/passwd"}, "no time zone"),
        ({"frequency": "hourly"}, "choose one of"),
        ({"max_papers": "0"}, "1 to 50"),
        ({"max_papers": "99999999999999999999"}, "1 to 50"),
        ({"categories": "cs.CL; DROP"}, "no arXiv category"),
        ({"topics": "x" * 501}, "between 1 and 500"),
        ({"topics": "\n".join(f"topic {n}" for n in range(101))}, "keep it to 100"),
        ({"like": "nonsense"}, "no paper id"),
        ({"pasted": "dear diary"}, "no paper in what you pasted"),
        ({"pasted": "@misc{x, title = {Unheard of}}"}, "None of the 1 papers"),
        ({"do": "pause", "until": "2020-01-01"}, "is over already"),
        ({"do": "pause", "until": "soon"}, "no date"),
        ({"do": "forget", "paper": "2603.99999"}, "no paper"),
        ({"do": "dance"}, "no such button"),
    ],
)
def test_what_can_not_be_is_refused_in_words_and_nothing_changes(
    visitor: Visitor, parts: Parts, reader: Subscriber, fields: dict[str, str], said: str
) -> None:
    answer = visitor.post(page_of(reader), data={"mute": "clinical", **fields})
    assert answer.status_code == 422
    assert said in answer.text.replace("&#39;", "'")
    assert reader_now(parts.database, reader.address) == reader


def test_a_pasted_library_is_learned_from(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    known = make_paper(3, "proteins")
    pasted = f"""@article{{x, title = {{{{{known.title}}}}}, year = 2026}}
        @misc{{y, eprint = {{2603.00001}}, booktitle = {{Gaussian}}}}
        https://arxiv.org/abs/2603.00002v4"""
    add_papers(parts.database, make_paper(3, "proteins"))
    send(visitor, reader, pasted=pasted)
    with parts.database.read() as connection:
        marked = connection.exec_driver_sql(
            "select canonical_id from papers p join feedback on paper_id = p.id order by 1"
        ).scalars()
        assert set(marked) >= {"2603.00001", "2603.00002"}


def test_a_pasted_id_that_is_not_stored_is_kept_until_it_arrives(
    visitor: Visitor, parts: Parts, reader: Subscriber
) -> None:
    send(visitor, reader, pasted="https://arxiv.org/abs/1706.03762v7 and 2603.00001")
    with parts.database.read() as connection:
        assert read_pending(connection, [reader.id]) == {reader.id: [("1706.03762", "more")]}
        assert len(read_feedback(connection, [reader.id])[reader.id]) == 1


def test_ticked_papers_are_liked_and_each_can_be_taken_back(
    visitor: Visitor, parts: Parts, reader: Subscriber
) -> None:
    offered = re.findall(r'name="like" value="([^"]+)"', visitor.get(page_of(reader)).text)
    assert 8 <= len(offered) <= 12
    page = send(visitor, reader, like=offered[:2])
    assert page.count('name="do" value="forget"') == 2
    page = send(visitor, reader, "forget", paper=offered[0])
    assert page.count('name="do" value="forget"') == 1
    with parts.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from feedback").scalar() == 1


def test_what_we_know_names_the_terms(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    page = send(visitor, reader, topics="gaussian splatting")
    known = page.partition("What we know about you")[2]
    assert "splatting" in known
    assert re.search(r'<span class="soft">100</span>', known)
    assert reader_now(parts.database, reader.address).interests.topics == ("gaussian splatting",)


def test_a_pause_holds_until_its_date_or_the_reader_ends_it(
    visitor: Visitor, parts: Parts, reader: Subscriber
) -> None:
    until = WEDNESDAY + timedelta(days=5)
    assert "until 9 March 2026" in send(visitor, reader, "pause", until=until.isoformat())
    assert reader_now(parts.database, reader.address).status == "paused"
    send(visitor, reader, "resume")
    assert reader_now(parts.database, reader.address).status == "active"
    assert "until you resume" in send(visitor, reader, "pause", until="")


def test_one_can_leave_and_come_back_here_too(visitor: Visitor, parts: Parts, reader: Subscriber) -> None:
    assert "You are unsubscribed" in send(visitor, reader, "unsubscribe")
    assert reader_now(parts.database, reader.address).status == "unsubscribed"
    send(visitor, reader, "resume")
    assert reader_now(parts.database, reader.address).status == "active"


def test_somebody_who_refused_our_mail_can_not_be_resumed(visitor: Visitor, parts: Parts) -> None:
    refused = add_reader(parts.database, "full@example.org", status="suppressed")
    assert visitor.post(page_of(refused), data={"do": "resume"}).status_code == 422
    assert reader_now(parts.database, refused.address).status == "suppressed"


def test_past_digests_and_own_feeds_are_listed_and_work(
    visitor: Visitor, parts: Parts, reader: Subscriber, clock: Clock
) -> None:
    run(office(parts.database), parts.profiles, Job(), lambda: at(WEDNESDAY))
    page = visitor.get(page_of(reader)).text
    (past,) = re.findall(r'href="(/digest/[^"]+)"', page)
    assert "Wednesday, 4 March 2026" in visitor.get(past).text
    atom, listed = re.findall(r'href="(/feed/[^"]+)"', page)
    clock.advance(days=400)
    assert "Because of:" in visitor.get(atom).text
    items = visitor.get(listed).json()["items"]
    assert items
    assert all(item["url"].startswith(BASE_URL) for item in items)
    assert visitor.get(atom).headers["cache-control"] == "no-store"


def test_the_export_holds_everything_and_erasing_leaves_nothing(
    visitor: Visitor, parts: Parts, reader: Subscriber
) -> None:
    run(office(parts.database), parts.profiles, Job(), lambda: at(WEDNESDAY))
    answer = visitor.get(f"{page_of(reader)}/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    taken = answer.json()
    assert taken["reader"]["address"] == reader.address
    assert taken["received"]
    assert taken["consents"]
    erased = visitor.post(page_of(reader), data={"do": "erase"})
    assert "Everything is erased" in erased.text
    with parts.database.read() as connection:
        for table in ("subscribers", "interests", "feedback", "profiles", "deliveries", "picks", "consents"):
            count = f"select count(*) from {table}"
            assert connection.exec_driver_sql(count).scalar() == 0
    assert visitor.get(page_of(reader)).status_code == 404
