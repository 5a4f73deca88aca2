"""Posts to a server that speaks the interfaces of the services; its answers, sorted; and what is never logged."""

import logging
from io import StringIO

import pytest

from digest.chat.transport import MOST_UNANSWERED, ChatTransport
from digest.domain.channel import ChannelAddress, Service
from digest.errors import NeverSend, TryLater
from digest.mail.envelope import Envelope
from tests.chat.chat_server import BUSY, GONE, TOKEN, ChatServer, chat_server

TEXT = (
    "**Papers**\n\n• [A \\<!channel\\> & b_c](<https://arxiv.org/abs/1?a=1&b=2>)  \nMatches *this* — that.\n"
)
SHOWN = {
    Service.SLACK: "*Papers*\n\n• <https://arxiv.org/abs/1?a=1&amp;b=2|A &lt;!channel&gt; &amp; b_c>  \n"
    "Matches _this_ — that.",
    Service.DISCORD: TEXT.strip(),
    Service.MATTERMOST: TEXT.strip(),
    Service.MATRIX: "<p><strong>Papers</strong></p>\n"
    '<p>• <a href="https://arxiv.org/abs/1?a=1&amp;b=2">A &lt;!channel&gt; &amp; b_c</a><br />\n'
    "Matches <em>this</em> — that.</p>",
    Service.TELEGRAM: "*Papers*\n\n• [A \\<\\!channel\\> & b\\_c](https://arxiv.org/abs/1?a=1&b=2)  \n"
    "Matches _this_ — that\\.",
}


def post(server: ChatServer, service: Service, text: str = TEXT) -> str:
    transport = ChatTransport(server.allowed, lambda _: server.address(service))
    with transport.open() as connection:
        return connection.send(Envelope("", f"00000001@{service}.invalid", text.encode(), "x"))


@pytest.mark.parametrize("service", Service)
def test_a_post_is_taken_and_shown_in_the_form_of_the_service(server: ChatServer, service: Service) -> None:
    assert post(server, service) == f"posted to {service.label}"
    assert server.texts(service) == [SHOWN[service]]


@pytest.mark.parametrize("service", Service)
def test_a_channel_that_is_gone_is_refused_for_good(server: ChatServer, service: Service) -> None:
    server.answers[service] = GONE[service]
    with pytest.raises(NeverSend, match=f"{service.label} refuses this channel .error {GONE[service][0]}"):
        post(server, service)


@pytest.mark.parametrize("service", Service)
def test_a_busy_service_is_asked_later(server: ChatServer, service: Service) -> None:
    server.answers[service] = BUSY[service]
    with pytest.raises(TryLater, match=service.label):
        post(server, service)


def test_a_redirect_is_not_followed(server: ChatServer) -> None:
    server.answers[Service.MATTERMOST] = (302, "")
    with pytest.raises(TryLater):
        post(server, Service.MATTERMOST)
    assert len(server.paths) == 1


def test_a_service_that_does_not_answer_is_asked_a_few_times_in_a_batch() -> None:
    with chat_server() as closed:
        addresses = [closed.address(Service.SLACK, number) for number in range(6)]
    transport = ChatTransport(closed.allowed, lambda name: addresses[int(name)])
    with transport.open() as connection:
        for number in range(len(addresses)):
            with pytest.raises(TryLater, match="Slack does not answer"):
                connection.send(Envelope("", str(number), b"x", "x"))
            assert connection.unanswered(closed.base) == min(number + 1, MOST_UNANSWERED)


def test_nothing_is_sent_to_a_host_that_is_not_allowed(server: ChatServer) -> None:
    allowed = [one for one in server.allowed if one.service != Service.MATTERMOST]
    with (
        ChatTransport(allowed, lambda _: None).open() as connection,
        pytest.raises(NeverSend, match="does not post to Mattermost"),
    ):
        connection.post(ChannelAddress.parse(server.address(Service.MATTERMOST)), "x")
    assert not server.paths


def test_a_channel_that_was_removed_gets_nothing(server: ChatServer) -> None:
    with ChatTransport(server.allowed, lambda _: None).open() as connection, pytest.raises(NeverSend):
        connection.send(Envelope("", "00000001@slack.invalid", b"x", "x"))


@pytest.mark.parametrize("service", Service)
def test_a_secret_is_in_no_log_and_no_message(server: ChatServer, service: Service) -> None:
    logged = StringIO()
    # A handler of our own: pytest's also gets what does not reach the root logger.
    handler = logging.StreamHandler(logged)
    handler.setLevel(logging.INFO)
    logging.getLogger().addHandler(handler)
    try:
        for answers in (BUSY, GONE):
            server.answers[service] = answers[service]
            with pytest.raises((NeverSend, TryLater)) as refused:
                post(server, service)
            assert TOKEN not in str(refused.value)
    finally:
        logging.getLogger().removeHandler(handler)
    assert logged.getvalue() == ""


def test_an_answer_that_breaks_the_library_costs_one_post(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Telegram's own answers are objects; this is none.
    server.answers[Service.TELEGRAM] = (500, "[1, 2]")
    with pytest.raises(TryLater):
        post(server, Service.TELEGRAM)

    def fail(*_: object, **__: object) -> None:
        raise AttributeError(TOKEN)

    monkeypatch.setattr("apprise.plugins.telegram.NotifyTelegram.send", fail)
    with pytest.raises(TryLater, match="Telegram") as refused:
        post(server, Service.TELEGRAM)
    assert TOKEN not in str(refused.value)


def test_a_stored_address_that_is_no_longer_one_stops_its_channel(server: ChatServer) -> None:
    with ChatTransport(server.allowed, lambda _: "slack://x").open() as connection, pytest.raises(NeverSend):
        connection.send(Envelope("", "00000001@slack.invalid", b"x", "x"))
