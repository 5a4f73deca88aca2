"""The Celery application: queues, safety settings and beat schedule. The tasks are in `workers.tasks`.

All state is in the database, none in the broker. A task only signals that there is work: a lost task is replaced
by the next sweep, and a duplicate task finds nothing to do.
"""

import logging
from multiprocessing import RawValue
from typing import Any

from celery import Celery, Task
from celery.signals import (
    after_task_publish,
    beat_init,
    setup_logging,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from kombu import Queue

from digest import error_reports, metrics_export
from digest.clock import utc_now
from digest.errors import DigestError
from digest.jobs.observed import observed
from digest.jobs.timetable import TIMETABLE
from digest.metrics import STARTED_TASKS
from digest.settings import Settings, read_settings
from digest.wiring import Container, start_reporting

QUEUES = ("transactional", "digests", "papers", "upkeep")
"""In the order in which a worker consumes them: subscribers wait for transactional mails."""
ROUTES = {
    "requests": "transactional",
    "deliver_transactional": "transactional",
    "deliver_digests": "digests",
    "fetch": "papers",
    "marked": "papers",
    "popularity": "papers",
    "rebuild": "papers",
    "plan": "upkeep",
    "sweep": "upkeep",
    "post": "upkeep",
    "inbound": "upkeep",
    "alarms": "upkeep",
    "housekeeping": "upkeep",
}

# One byte shared by a worker and its forked processes, without a lock that a killed process could hold.
_stopping = RawValue("b", 0)


def is_stopping() -> bool:
    """Return whether this worker was asked to stop."""
    return bool(_stopping.value)


def configured(settings: Settings) -> dict[str, Any]:
    """Return the Celery configuration for these settings."""
    broker = settings.broker_url.get_secret_value() if settings.broker_url else "memory://"
    lease = round(settings.lease.total_seconds())
    schedule = {
        entry.job: {
            "task": entry.job,
            "schedule": entry.every.total_seconds(),
            # A late task is dropped: the next one does the same work.
            "options": {"expires": max(30, entry.every.total_seconds())},
        }
        for entry in TIMETABLE
    }
    return {
        "broker_url": broker,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            # Longer than any task can run; otherwise a running task would be delivered to a second worker.
            "visibility_timeout": 2 * max(lease, 900) + 300,
            "queue_order_strategy": "priority",
            "health_check_interval": 30,
        },
        "task_ignore_result": True,
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        "accept_content": ["json"],
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_soft_time_limit": max(lease, 900),
        "task_time_limit": max(lease, 900) + 60,
        "task_queues": [Queue(name) for name in QUEUES],
        "task_routes": {task: {"queue": queue} for task, queue in ROUTES.items()},
        "task_default_queue": "upkeep",
        "task_create_missing_queues": False,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # In kB, far above normal use: a memory leak restarts the process instead of exhausting the machine.
        "worker_max_memory_per_child": 1_000_000,
        "worker_send_task_events": False,
        "timezone": "UTC",
        "enable_utc": True,
        "beat_schedule": schedule,
        "beat_scheduler": "redbeat.RedBeatScheduler",
        "beat_max_loop_interval": 5,
        "redbeat_redis_url": broker,
        "redbeat_key_prefix": "digest:beat:",
        # Seconds without a sign of the first beat after which a standby beat takes over.
        "redbeat_lock_timeout": 30,
    }


class JobTask(Task):  # type: ignore[misc]
    """A task whose runs are measured, and told apart in the logs."""

    # Expected errors, such as a database that restarts, are logged in one line; the next sweep retries.
    throws = (DigestError,)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run the task."""
        # Celery names the same id where it logs how a task ended.
        with observed(self.name, self.request.id or ""):
            return self.run(*arguments, **named)


_log = logging.getLogger(__name__)
_settings = read_settings()
app = Celery("digest", include=["workers.tasks"], task_cls=JobTask)
app.conf.update(configured(_settings))

_containers: list[Container] = []


def container() -> Container:
    """Return the container of this process; each forked process creates its own."""
    if not _containers:
        _containers.append(Container(_settings, utc_now, is_stopping))
    return _containers[0]


@setup_logging.connect
def _log_as_set(**_: object) -> None:
    start_reporting(_settings)


@worker_ready.connect
@beat_init.connect
def _serve_metrics(**_: object) -> None:
    if _settings.metrics_address:
        try:
            metrics_export.serve(_settings.metrics_address)
        except DigestError as error:
            # Mails are sent all the same.
            _log.error("%s", error)


@after_task_publish.connect
def _count_task(sender: str, **_: object) -> None:
    STARTED_TASKS.labels(sender).inc()


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    _stopping.value = 1


@worker_process_shutdown.connect
@worker_shutdown.connect
def _close(**_: object) -> None:
    while _containers:
        _containers.pop().close()
    if _settings.sentry_dsn is not None:
        # A process of the pool ends without Python's own exit.
        error_reports.finish()


@worker_shutdown.connect
def _remove_counts(**_: object) -> None:
    metrics_export.remove_folder()
