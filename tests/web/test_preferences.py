"""The preferences page: setting, showing, downloading and erasing a subscriber's data."""

import re
from datetime import timedelta

import pytest

from digest.domain.subscriber import Status, Subscriber
from digest.jobs.daily import Job, run
from digest.store.feedback import read_feedback
from digest.store.pending_feedback import read_pending
from digest.wiring import Container
from tests.factories import (
    BASE_URL,
    WEDNESDAY,
    Clock,
    add_papers,
    add_subscriber,
    at,
    delivery_context,
    make_paper,
    subscriber_now,
)
from tests.web.client import Client
from tests.web.preferences_page import page_of, send


def test_everything_can_be_set_at_once(client: Client, container: Container, subscriber: Subscriber) -> None:
    page = send(
        client,
        subscriber,
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
    now = subscriber_now(container.database, subscriber.address)
    assert now.interests.topics == ("protein design", "robot grasping")
    assert now.interests.must == ("learning|folding",)
    assert now.interests.mute == ("clinical", "survey")
    assert now.interests.follow == ("Ada Lovelace",)
    assert now.interests.categories == ("cs.CL", "hep-th")
    assert (now.schedule.frequency, now.schedule.hour, now.schedule.timezone) == (
        "weekly",
        18,
        "Europe/Berlin",
    )
    assert now.max_papers == 5
    for shown in ("protein design\nrobot grasping", "learning|folding", "Ada Lovelace", "cs.CL hep-th"):
        assert shown in page
    assert '<option value="Europe/Berlin" selected>' in page


def test_fields_missing_from_the_form_stay_unchanged(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    send(client, subscriber, mute="clinical")
    now = subscriber_now(container.database, subscriber.address)
    assert now.interests.topics == subscriber.interests.topics
    assert now.schedule == subscriber.schedule


def test_an_empty_field_clears_the_setting(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    send(client, subscriber, topics="")
    assert subscriber_now(container.database, subscriber.address).interests.topics == ()


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
        ({"categories": "cs.CL; DROP"}, "no category"),
        ({"topics": "x" * 501}, "between 1 and 500"),
        ({"topics": "\n".join(f"topic {n}" for n in range(101))}, "at most 100 are allowed"),
        ({"like": "nonsense"}, "not a paper id"),
        ({"pasted": "dear diary"}, "No paper was understood of 1 entry"),
        ({"pasted": "https://arxiv.org/abs/1706.03762", "hour": "25"}, "between 0 and 23"),
        ({"orcid": "0000-0002-1825-0098"}, "is not an ORCID iD"),
        ({"do": "pause", "until": "2020-01-01"}, "is already over"),
        ({"do": "pause", "until": "soon"}, "not a date"),
        ({"do": "forget", "paper": "2603.99999"}, "no paper"),
        ({"do": "dance"}, "no such button"),
    ],
)
def test_invalid_input_is_refused_with_a_message_and_changes_nothing(
    client: Client, container: Container, subscriber: Subscriber, fields: dict[str, str], said: str
) -> None:
    answer = client.post(page_of(subscriber), data={"mute": "clinical", **fields})
    assert answer.status_code == 422
    assert said in answer.text.replace("&#39;", "'")
    assert subscriber_now(container.database, subscriber.address) == subscriber


def test_pasted_papers_are_liked(client: Client, container: Container, subscriber: Subscriber) -> None:
    known = make_paper(3, "proteins")
    pasted = f"""@article{{x, title = {{{{{known.title}}}}}, year = 2026}}
        @misc{{y, eprint = {{2603.00001}}, booktitle = {{Gaussian}}}}
        https://arxiv.org/abs/2603.00002v4"""
    add_papers(container.database, make_paper(3, "proteins"))
    page = send(client, subscriber, pasted=pasted)
    assert "3 of 3 understood: 3 known papers." in page
    with container.database.read() as connection:
        rated = connection.exec_driver_sql(
            "select p.paper_id from papers p join feedback on paper_row_id = p.id order by 1"
        ).scalars()
        assert set(rated) >= {"2603.00001", "2603.00002"}


def test_a_pasted_id_that_is_not_stored_is_pending(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    page = send(client, subscriber, pasted="https://arxiv.org/abs/1706.03762v7 and 2603.00001")
    assert "2 of 2 understood: 1 known paper, 1 that will count when it arrives." in page
    with container.database.read() as connection:
        assert read_pending(connection, [subscriber.id]) == {subscriber.id: [("1706.03762", "more")]}
        assert len(read_feedback(connection, [subscriber.id])[subscriber.id]) == 1


def test_ticked_papers_are_liked_and_each_can_be_removed(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    offered = re.findall(r'name="like" value="([^"]+)"', client.get(page_of(subscriber)).text)
    assert 8 <= len(offered) <= 12
    page = send(client, subscriber, like=offered[:2])
    assert page.count('name="do" value="forget"') == 2
    page = send(client, subscriber, "forget", paper=offered[0])
    assert page.count('name="do" value="forget"') == 1
    with container.database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from feedback").scalar() == 1


def test_authors_of_liked_papers_are_offered_and_a_tick_follows_them(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    page = send(client, subscriber, like=["2603.00002", "2603.00006"], follow="Ada Lovelace")
    # Both papers are by Bo Li; each has another first author.
    assert re.findall(r'name="follow_also" value="([^"]+)"', page) == ["Bo Li"]
    page = send(client, subscriber, follow="Ada Lovelace", follow_also=["Bo Li"])
    assert subscriber_now(container.database, subscriber.address).interests.follow == (
        "Ada Lovelace",
        "Bo Li",
    )
    assert "follow_also" not in page


def test_the_page_shows_the_terms_of_the_profile(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    page = send(client, subscriber, topics="gaussian splatting")
    known = page.partition("What we know about you")[2]
    assert "splatting" in known
    assert re.search(r'<span class="soft">100</span>', known)
    assert subscriber_now(container.database, subscriber.address).interests.topics == ("gaussian splatting",)


def test_a_pause_lasts_until_its_date_or_until_resumed(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    until = WEDNESDAY + timedelta(days=5)
    assert "until 9 March 2026" in send(client, subscriber, "pause", until=until.isoformat())
    assert subscriber_now(container.database, subscriber.address).status == "paused"
    send(client, subscriber, "resume")
    assert subscriber_now(container.database, subscriber.address).status == "active"
    assert "until you resume" in send(client, subscriber, "pause", until="")


def test_unsubscribing_and_resubscribing_work_on_the_page(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    assert "You are unsubscribed" in send(client, subscriber, "unsubscribe")
    assert subscriber_now(container.database, subscriber.address).status == "unsubscribed"
    send(client, subscriber, "resume")
    assert subscriber_now(container.database, subscriber.address).status == "active"


def test_a_suppressed_subscriber_cannot_resume(client: Client, container: Container) -> None:
    refused = add_subscriber(container.database, "full@example.org", status=Status.SUPPRESSED)
    assert client.post(page_of(refused), data={"do": "resume"}).status_code == 422
    assert subscriber_now(container.database, refused.address).status == "suppressed"


def test_past_digests_and_feeds_are_listed_and_work(
    client: Client, container: Container, subscriber: Subscriber, clock: Clock
) -> None:
    run(delivery_context(container.database), container.profiles, Job(), lambda: at(WEDNESDAY))
    page = client.get(page_of(subscriber)).text
    (past,) = re.findall(r'href="(/digest/[^"]+)"', page)
    assert "Wednesday, 4 March 2026" in client.get(past).text
    atom, listed = re.findall(r'href="(/feed/[^"]+)"', page)
    clock.advance(days=400)
    assert "Matches *" in client.get(atom).text
    items = client.get(listed).json()["items"]
    assert items
    assert all(item["url"].startswith(BASE_URL) for item in items)
    assert client.get(atom).headers["cache-control"] == "no-store"


def test_the_export_has_all_data_and_erasing_deletes_it(
    client: Client, container: Container, subscriber: Subscriber
) -> None:
    run(delivery_context(container.database), container.profiles, Job(), lambda: at(WEDNESDAY))
    answer = client.get(f"{page_of(subscriber)}/export")
    assert answer.headers["content-disposition"].startswith("attachment")
    taken = answer.json()
    assert taken["reader"]["address"] == subscriber.address
    assert taken["received"]
    assert taken["consents"]
    erased = client.post(page_of(subscriber), data={"do": "erase"})
    assert "Everything is erased" in erased.text
    with container.database.read() as connection:
        for table in ("subscribers", "interests", "feedback", "profiles", "deliveries", "picks", "consents"):
            count = f"select count(*) from {table}"
            assert connection.exec_driver_sql(count).scalar() == 0
    assert client.get(page_of(subscriber)).status_code == 404
