"""A slice of the real papers, and six subscribers over four days of them."""

import gzip
import json
from datetime import date
from pathlib import Path

FIRST_ON, LAST_ON = "2026-01-30", "2026-02-20"
"""About 3,000 papers. The days of the four editions, then a Saturday, on which arXiv announces nothing."""
EDITIONS = (date(2026, 2, 17), date(2026, 2, 18), date(2026, 2, 19), date(2026, 2, 20))
QUIET = date(2026, 2, 21)
TOPICS = {
    "long@example.org": "long-context language models",
    "splats@example.org": "3D gaussian splatting",
    "scans@example.org": "medical image segmentation",
    "arms@example.org": "robot manipulation",
    "speech@example.org": "speech recognition",
    "agents@example.org": "LLM agents security",
}
ON_TOPIC = {
    "long@example.org": ("context", "long", "kv cache", "attention", "memory"),
    "splats@example.org": ("splat", "gaussian", "3d", "novel view"),
    "scans@example.org": ("medical", "segmentation", "clinical", "mri", "ct "),
    "arms@example.org": ("robot", "manipulation", "grasp"),
    "speech@example.org": ("speech", "asr", "audio", "spoken"),
    "agents@example.org": ("agent", "security", "attack", "injection", "safety"),
}
"""Words that the title or abstract of a paper on topic contains."""


def papers_between(shared: Path, first_on: str, last_on: str) -> list[str]:
    """Return the real papers of some days, as lines of JSON."""
    with gzip.open(shared / "data" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        # The date is the last field of a line, so most lines need not be parsed.
        near = (line for line in lines if first_on <= line.rstrip()[-12:-2] <= last_on)
        return [line for line in near if first_on <= json.loads(line)["date"] <= last_on]


def first_papers(shared: Path, number: int) -> list[str]:
    """Return the first real papers, as lines of JSON."""
    with gzip.open(shared / "data" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [next(lines) for _ in range(number)]
