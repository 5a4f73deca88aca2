"""Plots as SVG elements for the page of the status: bars and a line over days. Pure functions; text in, text out.

Colours come from the classes of the page, so a plot follows its light and dark scheme. The size suits a phone; a wide
screen shows two beside each other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

from digest.text.formatting import short_day

WIDTH, HEIGHT = 360, 176
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 12, 24
_GAP = 0.22
"""The share of a day's width between two bars."""
_STEPS = 4
_LABELS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each day, and the class that colours it."""

    name: str
    css_class: str
    values: Sequence[float | None]
    """None: no value on that day."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The values at the grid lines, from 0 or a round number below the least value."""

    low: float
    high: float
    step: float

    @property
    def ticks(self) -> list[float]:
        """The values at the grid lines."""
        return [self.low + self.step * one for one in range(round((self.high - self.low) / self.step) + 1)]

    def y(self, value: float) -> float:
        """Return the height of a value on the plot."""
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - (value - self.low) / (self.high - self.low))


def scale_for(low: float, high: float, *, is_whole: bool = True) -> Scale:
    """Return round grid lines that contain all values; with `is_whole`, at whole numbers only.

    Values that hardly differ get a span of one, so that their noise does not fill the plot.
    """
    span = max(high - low, 1.0)
    raw = span / _STEPS
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(one * magnitude for one in (1, 2, 2.5, 5, 10) if one * magnitude >= raw * 0.999)
    if is_whole:
        step = max(1.0, math.ceil(step))
    bottom = math.floor(low / step) * step
    top = bottom + step * max(1, math.ceil((max(high, low + step) - bottom) / step - 1e-9))
    return Scale(bottom, top, step)


def bars(title: str, days: Sequence[date], stacked: Sequence[Series], unit: str = "") -> Markup:
    """Return a bar for each day, with the series on top of each other."""
    totals = [sum(one.values[at] or 0 for one in stacked) for at in range(len(days))]
    scale = scale_for(0, max(totals, default=0), is_whole=not unit)
    slot = (WIDTH - _LEFT - _RIGHT) / max(len(days), 1)
    parts: list[str] = []
    for at, day in enumerate(days):
        left, below = _LEFT + slot * (at + _GAP / 2), 0.0
        label = ", ".join(
            f"{one.name} {_number(one.values[at] or 0)}{unit}"
            for one in stacked
            if one.values[at] is not None
        )
        shapes = []
        for one in stacked:
            value = one.values[at] or 0
            if value:
                top, bottom = scale.y(below + value), scale.y(below)
                shapes.append(
                    f'<rect class="{one.css_class}" x="{left:.1f}" y="{top:.1f}" '
                    f'width="{slot * (1 - _GAP):.1f}" height="{max(bottom - top, 1):.1f}"/>'
                )
                below += value
        if shapes:
            parts.append(f"<g><title>{escape(short_day(day))}: {escape(label)}</title>{''.join(shapes)}</g>")
    return _plot(title, days, scale, "".join(parts), slot)


def line(title: str, days: Sequence[date], series: Series) -> Markup:
    """Return a line through the values of the days."""
    known = [value for value in series.values if value is not None]
    scale = scale_for(_floor_of(known), max(known, default=0))
    slot = (WIDTH - _LEFT - _RIGHT) / max(len(days), 1)
    points = [
        (_LEFT + slot * (at + 0.5), scale.y(value))
        for at, value in enumerate(series.values)
        if value is not None
    ]
    if not points:
        return _plot(title, days, scale, "", slot)
    path = " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    base = scale.y(scale.low)
    area = f"M{points[0][0]:.1f},{base:.1f} L{path} L{points[-1][0]:.1f},{base:.1f} Z"
    drawn = (
        f'<path class="area {series.css_class}" d="{area}"/><path class="stroke {series.css_class}" d="M{path}"/>'
        f'<circle class="{series.css_class}" cx="{points[-1][0]:.1f}" cy="{points[-1][1]:.1f}" r="3"/>'
    )
    return _plot(title, days, scale, drawn, slot)


def _floor_of(values: Sequence[float]) -> float:
    """Return where the axis begins: at 0, unless that would make the line flat."""
    low, high = min(values, default=0), max(values, default=0)
    return low if low > 20 and high - low < low / 5 else 0


def _plot(title: str, days: Sequence[date], scale: Scale, drawn: str, slot: float) -> Markup:
    grid = "".join(
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{scale.y(tick):.1f}" y2="{scale.y(tick):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{scale.y(tick) + 3.5:.1f}" text-anchor="end">{_number(tick)}</text>'
        for tick in scale.ticks
    )
    # Labels at equal distances, the last day among them.
    every = max(1, math.ceil(len(days) / _LABELS))
    labels = "".join(
        f'<text x="{_LEFT + slot * (at + 0.5):.1f}" y="{HEIGHT - 7}" '
        f'text-anchor="{"end" if at == len(days) - 1 else "middle"}">{escape(short_day(days[at]))}</text>'
        for at in range(len(days) - 1, -1, -every)
        # The first label would otherwise be cut off on the left.
        if _LEFT + slot * (at + 0.5) > _LEFT + 8
    )
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{grid}{drawn}{labels}</svg>'
    )


def _number(value: float) -> str:
    """Return a number for an axis: 950, 12k, 1.5M; one decimal below ten."""
    for least, letter in ((1e6, "M"), (1e4, "k")):
        if abs(value) >= least:
            return f"{value / (1e6 if letter == 'M' else 1e3):.3g}{letter}"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"
