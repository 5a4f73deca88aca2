"""The tasks: each a few lines over a job, carrying ids or nothing. Every one may run twice, or be cut off."""

from celery import Task

from digest import jobs
from digest.delivery.claimed import Stream
from workers.app import app, is_stopping, parts


@app.task(name="plan")
def plan() -> None:
    """Plan digests for everyone who is due, and have them delivered."""
    jobs.plan(parts())
    sweep.delay()


@app.task(name="requests")
def requests() -> None:
    """Plan the mails that were asked for on the web side, and have them delivered."""
    if jobs.answer_requests(parts()):
        deliver_transactional.delay()


@app.task(name="sweep")
def sweep() -> None:
    """Ask for as many batches as are ready, less those that are asked for already."""
    ready = jobs.backlog(parts())
    _ask_for(deliver_transactional, "transactional", ready.transactional)
    _ask_for(deliver_digests, "digests", ready.digests)


@app.task(name="deliver_transactional")
def deliver_transactional() -> None:
    """Deliver a batch of mails that somebody waits for, and ask for the next."""
    _deliver("transactional", deliver_transactional)


@app.task(name="deliver_digests")
def deliver_digests() -> None:
    """Deliver a batch of digests, and ask for the next."""
    _deliver("digest", deliver_digests)


@app.task(name="fetch")
def fetch() -> None:
    """Read the feeds."""
    jobs.read_feeds(parts())


@app.task(name="marked")
def marked() -> None:
    """Fetch the papers that subscribers marked."""
    jobs.fetch_marked(parts())


@app.task(name="popularity")
def popularity() -> None:
    """Count votes again."""
    jobs.refresh_popularity(parts())


@app.task(name="rebuild")
def rebuild() -> None:
    """Bring profiles up to date."""
    jobs.rebuild(parts())


@app.task(name="rebuild_profile")
def rebuild_profile(subscriber_id: int) -> None:
    """Build one reader's profile anew."""
    jobs.rebuild_one(parts(), subscriber_id)


@app.task(name="housekeeping")
def housekeeping() -> None:
    """Throw away what nobody needs."""
    jobs.keep_house(parts())


def _deliver(stream: Stream, task: Task) -> None:
    if not is_stopping() and jobs.deliver(parts(), stream):
        task.delay()


def _ask_for(task: Task, queue: str, batches: int) -> None:
    with app.connection_for_write() as connection:
        waiting = connection.default_channel.queue_declare(queue, passive=False).message_count
    for _ in range(min(batches, jobs.MOST_BATCHES) - waiting):
        task.delay()
