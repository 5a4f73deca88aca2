"""The dashboard and the alert rules: they name only metrics that a real run exposes, and Prometheus accepts them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from digest.wiring import Container
from tests.conftest import ROOT, missing
from tests.test_metrics import container, exposed_by_a_day, names_in

__all__ = ["container"]

DASHBOARD = ROOT / "deploy" / "grafana" / "trending-papers.json"
PROMETHEUS = ROOT / "deploy" / "prometheus"
# Prometheus itself writes these.
_OWN = {"up", "ALERTS"}


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels that show something; rows are headings."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        if panel["type"] != "row":
            yield panel


def rules() -> list[dict[str, Any]]:
    document = YAML(typ="safe").load(PROMETHEUS / "alerts.yml")
    return [rule for group in document["groups"] for rule in group["rules"]]


def metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:digest|process|python)_\w+", re.sub(r'"[^"]*"', "", expression)))


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return shown + [rule["expr"] for rule in rules()]


def test_dashboard_and_alerts_name_what_a_run_exposes_and_all_of_it(container: Container) -> None:
    used = set().union(*map(metrics_in, expressions()))
    # A beat is needed only with a broker.
    known = names_in(exposed_by_a_day(container)) | {"digest_beat_up"}
    assert len(used) > 30
    assert used <= known
    own = {family_of(name) for name in known if name.startswith("digest_")}
    assert own == {family_of(name) for name in used if name.startswith("digest_")}


def family_of(name: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", name)


def test_the_dashboard_follows_the_model_of_grafana() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert dashboard["schemaVersion"] >= 36
    assert re.fullmatch(r"[\w-]{1,40}", dashboard["uid"])
    (variable,) = dashboard["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, f"{panel['title']} covers another panel"
        taken |= cells


@pytest.mark.parametrize("panel", list(panels()), ids=lambda panel: f"{panel['id']} {panel['title']}")
def test_every_panel_asks_the_chosen_data_source(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"stat", "timeseries"}
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert target["expr"].count("(") == target["expr"].count(")")
        assert metrics_in(target["expr"])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["alert"].startswith("Digest")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]


@pytest.mark.services
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "deploy/prometheus/alerts.yml"),
        ("check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"),
        ("test", "rules", "tests/deploy/alerts_test.yml"),
    ],
    ids=["rules", "config", "tests of the rules"],
)
def test_promtool_accepts(arguments: tuple[str, ...]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        missing("promtool")
    assert promtool
    done = subprocess.run(
        [promtool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
