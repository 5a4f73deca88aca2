"""One run of a job as the operator sees it: a run id in the logs, and metrics."""

from collections.abc import Iterator
from contextlib import contextmanager

from digest import logs
from digest.metrics import job_metrics


@contextmanager
def observed(job: str, run_id: str = "") -> Iterator[None]:
    """Measure the block as a run of the job, and give its log lines the name of the job and a run id; "": a new one."""
    with logs.bound(run_id=run_id or logs.new_run_id(), job=job), job_metrics(job):
        yield
