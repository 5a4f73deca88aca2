"""`digest papers import`: every format, errors in it, and real papers."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.real_papers import first_papers
from tests.cli.shell import Shell
from tests.papers import samples

TWO = ("2603.00001", "2603.00002")
ABSTRACT = samples.ABSTRACT.replace("\n", " ")
FORMATS = {
    "papers.jsonl": "".join(
        json.dumps({"id": one, "title": f"Gulls {one}", "abstract": ABSTRACT}) + "\n" for one in TWO
    ),
    "daily.json": samples.daily_page(*map(samples.daily_item, TWO)).decode(),
    "atom.xml": samples.atom_feed(*map(samples.atom_entry, TWO)),
    "rss.xml": samples.rss_feed((TWO[0], "new"), (TWO[1], "cross")),
    "oai.xml": samples.oai_list(*map(samples.oai_record, TWO)),
    "search.xml": samples.api_page(*map(samples.api_entry, TWO)),
    "listing.txt": f"SubscribeCounting gulls\n{ABSTRACT}\nCounting terns\n{ABSTRACT}\n",
}


def imported(digest: Shell, *files: str) -> list[dict[str, Any]]:
    answer = digest.tries("papers", "import", *files, "--json")
    records: list[dict[str, Any]] = answer.json
    return records


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", FORMATS)
def test_the_format_of_a_file_is_detected_from_its_content(empty: Shell, name: str, *, packed: bool) -> None:
    content = FORMATS[name].encode()
    (empty.folder / "saved").write_bytes(gzip.compress(content) if packed else content)
    assert empty("papers", "import", "saved").lines == ["saved: 2 papers: 2 new, 0 changed, 0 known."]
    assert empty("papers", "import", "saved").lines == ["saved: 2 papers: 0 new, 0 changed, 2 known."]
    assert empty("status", "--json").json["papers"] == 2
    found = empty("papers", "search", "counting gulls lighthouse", "--json").json
    assert all(paper["title"] and not paper["title"].startswith("Subscribe") for paper in found)


def test_the_record_of_an_import_has_a_stable_shape(empty: Shell) -> None:
    (empty.folder / "papers.jsonl").write_text(FORMATS["papers.jsonl"])
    (record,) = imported(empty, "papers.jsonl")
    assert record == {
        "file": "papers.jsonl", "seen": 2, "added": 2, "changed": 0, "unchanged": 0, "snapshots": 0,
        "rejected": [], "error": None,
    }  # fmt: skip


BAD_LINES = {
    "{ this is no JSON": "JSON",
    '{"id": "2603.00009", "abstract": "No title."}': "title",
    '{"id": "one", "title": "T", "abstract": "A"}': "id",
    '{"title": "T", "abstract": "A", "date": "soon"}': "date",
    '{"title": "T", "abstract": "A", "authors": "Ada"}': "authors",
    '{"title": "T", "abstract": "A", "upvotes": -1}': "upvotes",
    '{"title": ["T"], "abstract": "A"}': "title",
    '["a", "list"]': "object",
    '{"title": "' + "T" * 10_000 + '", "abstract": "A"}': "10,000 characters",
    "[" * 100_000: "",
}


def test_bad_lines_are_reported_by_number_and_the_rest_is_imported(empty: Shell) -> None:
    good = FORMATS["papers.jsonl"].splitlines()
    (empty.folder / "mixed.jsonl").write_text("\n".join([good[0], *BAD_LINES, "", good[1]]) + "\n")
    answer = empty.tries("papers", "import", "mixed.jsonl")
    assert answer.code == 1
    assert answer.lines == [f"mixed.jsonl: 2 papers: 2 new, 0 changed, 0 known, {len(BAD_LINES)} left out."]
    told = answer.err.splitlines()
    for number, (line, hint) in enumerate(zip(told, BAD_LINES.values(), strict=True), 2):
        assert line.startswith(f"mixed.jsonl:{number}: ")
        assert hint in line
    (record,) = imported(empty, "mixed.jsonl")
    assert [one["where"] for one in record["rejected"]] == [
        f"mixed.jsonl:{n}" for n in range(2, 2 + len(BAD_LINES))
    ]


def test_the_report_of_many_bad_lines_is_limited(empty: Shell) -> None:
    (empty.folder / "bad.jsonl").write_text("{}\n" * 500)
    answer = empty.tries("papers", "import", "bad.jsonl")
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == "... and 480 more"


def test_a_bad_file_does_not_stop_the_next_one(empty: Shell) -> None:
    (empty.folder / "good.jsonl").write_text(FORMATS["papers.jsonl"])
    answer = empty.tries("papers", "import", "gone.jsonl", "good.jsonl")
    assert answer.code == 1
    assert "gone.jsonl" in answer.error
    assert answer.lines == ["good.jsonl: 2 papers: 2 new, 0 changed, 0 known."]


def test_the_complete_items_of_a_truncated_archive_are_imported(empty: Shell) -> None:
    lines = "".join(
        json.dumps(
            {"id": f"2603.{number:05}", "title": f"Gulls {number}", "abstract": f"{number * 7919} gulls."}
        )
        + "\n"
        for number in range(3000)
    )
    packed = gzip.compress(lines.encode())
    (empty.folder / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    answer = empty.tries("papers", "import", "cut.jsonl.gz")
    assert answer.code == 1
    assert "breaks off" in answer.err
    assert 0 < empty("status", "--json").json["papers"] < 3000


def test_the_two_saved_listing_pages_are_imported(empty: Shell, shared: Path) -> None:
    pages = [str(page) for page in sorted((shared / "seeds").glob("*.txt"))]
    records = imported(empty, *pages)
    assert [(record["seen"], record["rejected"]) for record in records] == [(119, []), (249, [])]
    assert sum(record["added"] for record in records) == 346
    assert empty("status", "--json").json["papers"] == 346
    titles = [row["title"] for row in empty("papers", "search", "papers", "--top", "1000", "--json").json]
    assert not [title for title in titles if title.startswith("Subscribe")]
    assert [record["added"] + record["changed"] for record in imported(empty, *pages)] == [0, 0]


def test_real_papers_are_imported_once_and_can_be_found(empty: Shell, shared: Path) -> None:
    lines = first_papers(shared, 2000)
    with gzip.open(empty.folder / "real.jsonl.gz", "wt") as file:
        file.writelines(lines)
    assert empty("papers", "import", "real.jsonl.gz").lines == [
        "real.jsonl.gz: 2,000 papers: 2,000 new, 0 changed, 0 known."
    ]
    assert empty("papers", "import", "real.jsonl.gz").lines == [
        "real.jsonl.gz: 2,000 papers: 0 new, 0 changed, 2,000 known."
    ]

    def holding(words: str, *command: str) -> int:
        found = empty("papers", *command, "--top", "5", "--json").json
        assert len(found) == 5
        assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)
        abstracts = (empty("papers", "show", one["id"], "--json").json["paper"]["abstract"] for one in found)
        texts = (f"{one['title']} {text}".lower() for one, text in zip(found, abstracts, strict=True))
        return sum(any(word in text for word in words.split()) for text in texts)

    for query, words in {
        "3d gaussian splatting": "gaussian splat",
        "speech recognition": "speech",
        "medical image segmentation": "segment",
    }.items():
        assert holding(words, "search", query) == 5
    splats = empty("papers", "search", "3d gaussian splatting", "--top", "1", "--json").json[0]["id"]
    assert holding("gaussian splat", "similar", splats) >= 4
    assert "$" not in "".join(row["title"] for row in empty("papers", "list", "--top", "1000", "--json").json)
