"""The tasks: each calls one job, without arguments. Every task may run twice or be interrupted."""

from celery import Task

from digest.domain.delivery import Stream
from digest.jobs import cleanup, recurring
from digest.jobs import inbound as inbound_mail
from digest.status.watch import watch_and_beat
from workers.app import app, container, is_stopping


@app.task(name="plan")
def plan() -> None:
    """Plan digests for all subscribers who are due, and start their delivery."""
    recurring.plan(container())
    sweep.delay()


@app.task(name="requests")
def requests() -> None:
    """Plan the mails that were requested on the web pages, and start their delivery."""
    if recurring.answer_requests(container()):
        deliver_transactional.delay()


@app.task(name="sweep")
def sweep() -> None:
    """Start a delivery task for each ready batch, less the tasks that are in the queue already."""
    ready = recurring.backlog(container())
    _start_tasks(deliver_transactional, "transactional", ready.transactional)
    _start_tasks(deliver_digests, "digests", ready.digests)


@app.task(name="deliver_transactional")
def deliver_transactional() -> None:
    """Deliver transactional mails, and start the next task if there are more."""
    _deliver(Stream.TRANSACTIONAL, deliver_transactional)


@app.task(name="deliver_digests")
def deliver_digests() -> None:
    """Deliver digests, and start the next task if there are more."""
    _deliver(Stream.DIGEST, deliver_digests)


@app.task(name="post")
def post() -> None:
    """Deliver posts to chat channels."""
    if not is_stopping():
        recurring.post(container())


@app.task(name="fetch")
def fetch() -> None:
    """Fetch all feeds."""
    recurring.read_feeds(container())


@app.task(name="marked")
def rated() -> None:
    """Fetch rated papers that are not stored."""
    recurring.fetch_marked(container())


@app.task(name="popularity")
def popularity() -> None:
    """Read the votes of recent papers again."""
    recurring.refresh_popularity(container())


@app.task(name="rebuild")
def rebuild() -> None:
    """Rebuild profiles with the newest term weights."""
    recurring.rebuild(container())


@app.task(name="inbound")
def inbound() -> None:
    """Process mail that came in."""
    inbound_mail.poll(container())


@app.task(name="alarms")
def alarms() -> None:
    """Tell the operator what turned bad, and what is good again."""
    watch_and_beat(container())


@app.task(name="housekeeping")
def housekeeping() -> None:
    """Delete what is no longer needed."""
    cleanup.clean_up(container())


def _deliver(stream: Stream, task: Task) -> None:
    if not is_stopping() and recurring.deliver(container(), stream):
        task.delay()


def _start_tasks(task: Task, queue: str, batches: int) -> None:
    with app.connection_for_write() as connection:
        waiting = connection.default_channel.queue_declare(queue, passive=False).message_count
    for _ in range(min(batches, recurring.MOST_BATCHES) - waiting):
        task.delay()
