"""Badges of papers, each only by evidence."""

import pytest

from digest.text.badges import badges


@pytest.mark.parametrize(
    ("title", "abstract", "expected"),
    [
        ("A Survey on Alignment", "", ("Survey",)),
        ("Robust graphs: a systematic review", "", ("Survey",)),
        ("Graphs", "This survey covers recent work.", ("Survey",)),
        ("CubeBench: spatial reasoning", "", ("Benchmark",)),
        ("Graphs", "We introduce GraphBox, a benchmark for planners.", ("Benchmark",)),
        ("The Sri Lankan Coins Dataset", "", ("Data",)),
        ("Graphs", "We release a dataset of 10,000 plans.", ("Data",)),
        ("Graphs", "We present a corpus and a benchmark of plans.", ("Data", "Benchmark")),
        # Used, not made.
        ("Graphs", "We evaluate it on three benchmark datasets.", ()),
        ("Graphs", "Experiments on the ImageNet dataset show gains.", ()),
        ("Graphs", "We propose a planner. It wins on every benchmark.", ()),
        ("A survey question answering model", "", ()),
        ("Improve benchmark efficiency", "", ()),
        ("", "", ()),
    ],
)
def test_badges_need_evidence(title: str, abstract: str, expected: tuple[str, ...]) -> None:
    assert badges(title, abstract) == expected
