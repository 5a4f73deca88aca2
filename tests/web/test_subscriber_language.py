"""The web copy of a mail is in the language of the mail, a subscriber's feed in the language of the subscriber."""

from xml.etree import ElementTree as ET

from digest.domain.subscriber import Subscriber
from digest.subscribers.preferences import Change, change
from digest.wiring import Container
from tests.factories import WEDNESDAY, add_papers, add_subscriber, at, deliver_due, make_papers
from tests.web.client import Client

ATOM = "{http://www.w3.org/2005/Atom}"


def edit_language(container: Container, subscriber: Subscriber, language: str) -> None:
    change(
        container.database, container.profiles, subscriber.address, Change(language=language), at(WEDNESDAY)
    )


def test_the_copy_keeps_the_language_of_its_mail_and_the_feed_follows_the_subscriber(
    container: Container, client: Client, pseudo_language: str
) -> None:
    add_papers(container.database, *make_papers(12, announced_on=WEDNESDAY), upvotes=4)
    bo = add_subscriber(
        container.database, "bo@example.org", topics=["robot grasping"], language=pseudo_language
    )
    deliver_due(container.delivery_context, at(WEDNESDAY))
    copy = container.links.link("digest", bo.key, WEDNESDAY).removeprefix(container.links.home.rstrip("/"))
    feed = container.links.feed(bo.key, WEDNESDAY).removeprefix(container.links.home.rstrip("/"))
    page = client.get(copy).text
    assert "⟦For you⟧" in page
    assert "⟦Matches" in page
    assert "⟦⟪4⟫ upvotes⟧" in page
    atom = ET.fromstring(client.get(feed).content)
    assert atom.findtext(f"{ATOM}title") == "⟦Your trending papers⟧"
    assert atom.get("{http://www.w3.org/XML/1998/namespace}lang") == pseudo_language
    document = client.get(feed.replace(".xml", ".json")).json()
    assert (document["title"], document["language"]) == ("⟦Your trending papers⟧", pseudo_language)
    assert all("⟦" in item["content_text"] for item in document["items"])
    edit_language(container, bo, "en")
    assert client.get(feed.replace(".xml", ".json")).json()["title"] == "Your trending papers"
    assert client.get(copy).text == page
