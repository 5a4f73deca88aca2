"""The tasks: each a few lines over a job, carrying ids or nothing. Every one may run twice, or be cut off."""

from celery import Task

from digest.domain.delivery import Stream
from digest.jobs import cleanup, recurring
from digest.jobs import inbound as inbound_mail
from workers.app import app, container, is_stopping


@app.task(name="plan")
def plan() -> None:
    """Plan digests for everyone who is due, and have them delivered."""
    recurring.plan(container())
    sweep.delay()


@app.task(name="requests")
def requests() -> None:
    """Plan the mails that were asked for on the web side, and have them delivered."""
    if recurring.answer_requests(container()):
        deliver_transactional.delay()


@app.task(name="sweep")
def sweep() -> None:
    """Ask for as many batches as are ready, less those that are asked for already."""
    ready = recurring.backlog(container())
    _ask_for(deliver_transactional, "transactional", ready.transactional)
    _ask_for(deliver_digests, "digests", ready.digests)


@app.task(name="deliver_transactional")
def deliver_transactional() -> None:
    """Deliver a batch of mails that somebody waits for, and ask for the next."""
    _deliver(Stream.TRANSACTIONAL, deliver_transactional)


@app.task(name="deliver_digests")
def deliver_digests() -> None:
    """Deliver a batch of digests, and ask for the next."""
    _deliver(Stream.DIGEST, deliver_digests)


@app.task(name="fetch")
def fetch() -> None:
    """Read the feeds."""
    recurring.read_feeds(container())


@app.task(name="marked")
def rated() -> None:
    """Fetch the papers that subscribers marked."""
    recurring.fetch_marked(container())


@app.task(name="popularity")
def popularity() -> None:
    """Count votes again."""
    recurring.refresh_popularity(container())


@app.task(name="rebuild")
def rebuild() -> None:
    """Bring profiles up to date."""
    recurring.rebuild(container())


@app.task(name="inbound")
def inbound() -> None:
    """Process mail that came in."""
    inbound_mail.poll(container())


@app.task(name="housekeeping")
def housekeeping() -> None:
    """Throw away what nobody needs."""
    cleanup.clean_up(container())


def _deliver(stream: Stream, task: Task) -> None:
    if not is_stopping() and recurring.deliver(container(), stream):
        task.delay()


def _ask_for(task: Task, queue: str, batches: int) -> None:
    with app.connection_for_write() as connection:
        waiting = connection.default_channel.queue_declare(queue, passive=False).message_count
    for _ in range(min(batches, recurring.MOST_BATCHES) - waiting):
        task.delay()
