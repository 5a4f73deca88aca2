"""A local chat server, and delivery that posts to it."""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.chat.chat_server import ChatServer, chat_server
from tests.conftest import missing


@pytest.fixture
def server() -> Iterator[ChatServer]:
    if find_spec("apprise") is None:
        missing("the extra [chat]")
    with chat_server() as served:
        yield served
