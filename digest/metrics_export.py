"""How metrics leave a process: as text for a page, through a server of their own, or as a file.

The folder that several processes count in is made before they start, see `digest.metrics`. Of a process that has died
the counts stay, and its gauges, which say what it is doing, are removed.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
    start_http_server,
    write_to_textfile,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from digest.errors import StopRun

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_OWN = "digest_"
_Server = tuple[WSGIServer, Thread]


def make_folder() -> Path:
    """Make the folder that this process and those it starts count in, and name it in the environment."""
    folder = Path(tempfile.mkdtemp(prefix="digest-metrics-"))
    os.environ[FOLDER_VARIABLE] = str(folder)
    return folder


def remove_folder() -> None:
    """Remove the folder of `make_folder`, once all processes have ended."""
    folder = os.environ.pop(FOLDER_VARIABLE, "")
    if Path(folder).name.startswith("digest-metrics-"):
        shutil.rmtree(folder, ignore_errors=True)


def all_metrics(*more: Collector) -> CollectorRegistry:
    """Return what this process, or all that share its folder, have counted, and what other collectors add."""
    registry = CollectorRegistry()
    if os.environ.get(FOLDER_VARIABLE):
        registry.register(_AllProcesses())
        ProcessCollector(registry=registry)
    else:
        registry.register(_Undescribed(REGISTRY.collect))
    for collector in more:
        registry.register(collector)
    return registry


def as_text(registry: CollectorRegistry) -> bytes:
    """Return metrics in the text format, version 0.0.4."""
    return generate_latest(registry)


def serve(address: str) -> _Server:
    """Serve the metrics at host:port, in a thread. Raises StopRun."""
    host, _, port = address.rpartition(":")
    try:
        return start_http_server(int(port), host.strip("[]"), all_metrics())
    except OSError as error:
        raise StopRun(
            f"The metrics cannot be served at {address} ({error.strerror}): each process on a machine needs a "
            "DIGEST_METRICS_ADDRESS of its own."
        ) from error


def write_file(path: Path, *more: Collector) -> None:
    """Write the metrics for a textfile collector, atomically. Raises StopRun.

    Each run is a process of its own that counts from 0, so the counts that the file holds are added.
    """
    own = [family for family in all_metrics(*more).collect() if family.name.startswith(_OWN)]
    registry = CollectorRegistry()
    registry.register(_Undescribed(lambda: _continued(own, _counts_in(path))))
    try:
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise StopRun(f"{path} cannot be written ({error.strerror}); see DIGEST_METRICS_FILE.") from error


class RunGauges(Collector):
    """When the last `digest run` ended, and how."""

    def __init__(self, exit_code: int, ended_at: datetime) -> None:
        self._exit_code = exit_code
        self._ended_at = ended_at

    def collect(self) -> Iterator[Metric]:
        """Yield both."""
        yield GaugeMetricFamily(
            "digest_run_ended_timestamp_seconds",
            "When the last run ended, as Unix time.",
            self._ended_at.timestamp(),
        )
        yield GaugeMetricFamily("digest_run_exit_code", "The exit code of the last run.", self._exit_code)


class _Undescribed(Collector):
    """A collector that registering does not call."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        return self._collect()


class _AllProcesses(Collector):
    """The sums over all processes that count in the folder."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        folder = os.environ[FOLDER_VARIABLE]
        for file in Path(folder).glob("gauge_live*_*.db"):
            number = file.stem.rpartition("_")[2]
            if not _is_alive(int(number)):
                mark_process_dead(int(number), folder)  # type: ignore[no-untyped-call]
        return MultiProcessCollector(None, folder).collect()  # type: ignore[no-untyped-call,no-any-return]


def _is_alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""The name of a family and of a sample, and the labels."""


def _counts_in(path: Path) -> dict[_Key, float]:
    """Return the counts in a file; nothing from a file that is missing or broken."""
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
    return {
        _key(family, sample): sample.value
        for family in families
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


def _key(family: Metric, sample: Sample) -> _Key:
    return family.name, sample.name, tuple(sorted(sample.labels.items()))


def _continued(families: Iterable[Metric], earlier: dict[_Key, float]) -> Iterator[Metric]:
    """Yield the families with the earlier counts added."""
    for family in families:
        total = Metric(family.name, family.documentation, family.type)
        for sample in family.samples:
            before = earlier.pop(_key(family, sample), 0.0)
            total.samples.append(sample._replace(value=sample.value + before))
        for key in [key for key in earlier if key[0] == family.name]:
            total.samples.append(Sample(key[1], dict(key[2]), earlier.pop(key)))
        yield total
