"""The state of an installation as one self-contained HTML page, for a file or for `/operator`."""

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digest.doctor.check import Check, State
from digest.doctor.database import in_words
from digest.status.curves import curves_of
from digest.status.facts import Facts
from digest.status.judge import last_edition, reason_in_words, verdict
from digest.status.next_ticks import next_ticks
from digest.status.plots import Series, bars, line
from digest.text import formatting

_ORDER = {State.BAD: 0, State.WARNING: 1, State.GOOD: 2}
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def page(facts: Facts, checks: Sequence[Check], templates: Path, name: str) -> str:
    """Return the page. `templates` is the folder of all templates; `name` is the address of the installation."""
    environment = Environment(
        loader=FileSystemLoader(templates / "operator"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(short_day=formatting.short_day, words=in_words, reason=reason_in_words)
    curves = curves_of(facts)
    days, editions = curves.days, curves.editions
    plots = {
        "mails": bars(
            "Mails of each edition",
            days,
            [
                Series("sent", "sent", [one.sent if one else None for one in editions]),
                Series("waiting", "open", [one.open if one else None for one in editions]),
                Series("skipped", "skipped", [one.skipped if one else None for one in editions]),
                Series("failed", "failed", [one.failed if one else None for one in editions]),
            ],
        ),
        "delay": bars(
            "Mean delay of each edition in minutes",
            days,
            [Series("delay", "sent", [_minutes(one.delay_seconds) if one else None for one in editions])],
            " min",
        ),
        "taps": bars(
            "Taps on each edition",
            days,
            [Series("taps", "taps", [one.taps if one else None for one in editions])],
        ),
        "growth": line("Subscribers on each day", days, Series("subscribers", "taps", curves.subscribers)),
    }
    return environment.get_template("status.html").render(
        facts=facts,
        checks=sorted(checks, key=lambda check: _ORDER[check.state]),
        verdict=verdict(checks),
        state=min((check.state for check in checks), key=_ORDER.__getitem__, default=State.GOOD),
        edition=last_edition(facts.ledger, facts.at),
        curves=curves,
        plots=plots,
        ticks=next_ticks(facts),
        installation=name,
    )


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 60, 2)


def style_source(html: str) -> str:
    """Return the value for style-src in a content security policy which allows the style of the page only."""
    found = _STYLE.search(html)
    assert found is not None
    return f"'sha256-{b64encode(sha256(found[1].encode()).digest()).decode()}'"
