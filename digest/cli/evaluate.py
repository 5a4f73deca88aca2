"""`digest evaluate`: how good the ranking is, on reading lists that people keep and on judged topic lines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from digest.domain.paper import Paper
    from digest.evaluation.benchmark import Corpus, Figures, ReadingList, Scorer, Task
    from digest.evaluation.dense import Vectors
    from digest.evaluation.topics import Benchmark


_File = Annotated[
    Path, typer.Option(metavar="FILE", help="The stream of papers, any file `papers import` takes.")
]
_Libraries = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Reading lists as JSON; they measure profiles.")
]
_Topics = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Judged topic lines as JSON; they measure what words bring."),
]
_Kind = Annotated[str | None, typer.Option(metavar="KIND", help="Only one kind: full, recent5 or keywords.")]
_Against = Annotated[
    str | None,
    typer.Option(metavar="OTHER", help="Compare with `centroid` or with an earlier --json output (a file)."),
]
_Study = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="Instead: subscribers who tap (taps), two interests in one (pairs), muting by example (less), marks beside "
        "a line (marks), papers ticked beside a line (ticks), subthemes of lists with sections (diversity), libraries that are not stored (unstored), or choices held against unseen lists and weeks (tuning, some minutes) or unseen topics (lines).",
    ),
]
_Theme = Annotated[str, typer.Option(metavar="WORDS", help="What `--study less` mutes by example.")]
_Dense = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Also with an embedding model as a second opinion (DIGEST_DENSE_MODEL); some minutes.",
    ),
]
_Plot = Annotated[Path | None, typer.Option(metavar="FILE.png", help="Also draw the figures per list.")]


def evaluate(
    papers: _File,
    libraries: _Libraries = None,
    topics: _Topics = None,
    profile: _Kind = None,
    against: _Against = None,
    study: _Study = None,
    theme: _Theme = "medical",
    dense: _Dense = None,
    plot: _Plot = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the ranking on reading lists and judged topic lines: profiles know only what came before.

    Example: digest evaluate --papers papers.jsonl.gz --libraries libraries.json --topics topics.json
    """
    from digest.cli.evaluate_study import (
        STUDIES,
        show_study,
        study_diversity,
        study_lines,
        study_lists,
        study_unstored,
    )
    from digest.evaluation.benchmark import KINDS, tasks

    _check_choice("profile", profile, KINDS)
    _check_choice("study", study, STUDIES)
    needs_libraries = bool(profile or against or plot or (study and study != "lines"))
    _check_files(libraries, topics, needs_libraries=needs_libraries, needs_topics=study == "lines")
    kinds = KINDS if profile is None else (profile,)
    stream = _stream(papers)
    corpus = _corpus(stream)
    if study == "lines" and topics is not None:
        show_study(study_lines(_benchmark(topics, corpus, stream)), json_output=json_output)
        return
    vectors = _vectors(dense, stream)
    record: dict[str, Any] = {}
    if libraries is not None:
        made = tasks(corpus, _lists(libraries))
        if study is not None:
            if study == "diversity":
                found = study_diversity(corpus, made, stream)
            elif study == "unstored":
                found = study_unstored(corpus, made, stream)
            else:
                found = study_lists(study, corpus, made, theme)
            show_study(found, json_output=json_output)
            return
        record |= _measured(made, kinds, against)
        if vectors is not None:
            record["dense"] = _dense(made, corpus, vectors)
    if topics is not None:
        record["topics"] = _topics(_benchmark(topics, corpus, stream), vectors)
    if plot is not None:
        _draw(record, plot)
    _show(record, json_output=json_output)


def _vectors(folder: Path | None, stream: "dict[str, Paper]") -> "Vectors | None":
    from digest.embedding import EmbeddingModel
    from digest.evaluation.dense import Vectors

    return None if folder is None else Vectors(stream, EmbeddingModel(folder).encode)


def _check_files(
    libraries: Path | None, topics: Path | None, *, needs_libraries: bool, needs_topics: bool
) -> None:
    from digest.errors import BadInput

    if libraries is None and topics is None:
        raise BadInput("There is nothing to measure on; give --libraries, --topics or both.")
    if libraries is None and needs_libraries:
        raise BadInput("Profiles, comparisons, studies and plots need --libraries.")
    if topics is None and needs_topics:
        raise BadInput("The study of lines needs --topics.")


def _check_choice(what: str, given: str | None, choices: tuple[str, ...]) -> None:
    from digest.errors import BadInput

    if given is not None and given not in choices:
        raise BadInput(f"There is no {what} {given!r}; give one of {', '.join(choices)}.")


def _measured(made: "list[Task]", kinds: tuple[str, ...], against: str | None) -> dict[str, Any]:
    from digest.evaluation.benchmark import costs, summary

    record = summary(made, _figures(made, kinds), costs(made, kinds))
    if against is not None:
        record["against"] = _against(against, made, record, kinds)
    return record


def _figures(
    made: "list[Task]", kinds: tuple[str, ...], scorer: "Scorer | None" = None
) -> "dict[str, list[Figures]]":
    """Return the figures of every list, and show how many are done."""
    from digest.evaluation.benchmark import as_delivered, evaluate

    done = 0
    with output.progress("reading lists", len(made) * len(kinds)) as show:

        def shown(task: "Task", kind: str) -> "NDArray[np.float32]":
            nonlocal done
            scores = (scorer or as_delivered)(task, kind)
            done += 1
            show(done)
            return scores

        return evaluate(made, kinds, shown)


def _dense(made: "list[Task]", corpus: "Corpus", vectors: "Vectors") -> dict[str, float]:
    """Return nDCG@50 from topic words, with the dense scorer and without."""
    from digest.evaluation.benchmark import as_delivered, average, measure
    from digest.evaluation.dense import list_scores

    fused = average([measure(task, list_scores(task, "keywords", corpus, vectors)) for task in made])
    alone = average([measure(task, as_delivered(task, "keywords")) for task in made])
    return {"keywords": alone["ndcg@50"], "keywords, dense": fused["ndcg@50"]}


def _benchmark(path: Path, corpus: "Corpus", stream: "dict[str, Paper]") -> "Benchmark":
    from digest.evaluation.topics import Benchmark, judged_topics

    windows, judged = judged_topics(_json(path))
    return Benchmark.build(corpus, stream, windows, judged)


def _topics(benchmark: "Benchmark", vectors: "Vectors | None") -> dict[str, Any]:
    from digest.evaluation.dense import rankers
    from digest.evaluation.topics import evaluate as measured

    return measured(benchmark, {} if vectors is None else rankers(benchmark, vectors))


def _stream(path: Path) -> "dict[str, Paper]":
    """Return the papers of a file that have a date, by id."""
    from digest.clock import utc_now
    from digest.domain.paper import FeedItem
    from digest.errors import BadInput
    from digest.papers.sources.files import read_file

    found = [item.paper for item in read_file(path, utc_now()) if isinstance(item, FeedItem)]
    dated = {paper.id: paper for paper in found if paper.announced_on is not None}
    if not dated:
        raise BadInput(f"{path} holds no paper with a date.")
    return dated


def _corpus(stream: "dict[str, Paper]") -> "Corpus":
    from digest.evaluation.benchmark import Corpus

    return Corpus.build(
        [(p.id, p.announced_on, p.title, p.abstract) for p in stream.values() if p.announced_on is not None]
    )


def _lists(path: Path) -> "list[ReadingList]":
    from digest.evaluation.benchmark import reading_lists

    return reading_lists(_json(path))


def _json(path: Path) -> Any:
    import json

    from digest.errors import BadInput

    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"{path} is no JSON: {error}.") from None


def _against(
    other: str, made: "list[Task]", record: dict[str, Any], kinds: tuple[str, ...]
) -> dict[str, Any]:
    """Compare each kind's nDCG@50 list by list with another scorer or an earlier run."""
    from dataclasses import asdict

    from digest.errors import BadInput
    from digest.evaluation.benchmark import SCORERS, compare

    if other in SCORERS:
        rivals = {
            kind: [f["ndcg@50"] for f in found]
            for kind, found in _figures(made, kinds, SCORERS[other]).items()
        }
    else:
        earlier = _json(Path(other))
        try:
            by_name = {one["name"]: one["profiles"] for one in earlier["lists"]}
            rivals = {
                kind: [by_name[task.reading_list.name][kind]["ndcg@50"] for task in made] for kind in kinds
            }
        except (KeyError, TypeError):
            raise BadInput(f"{other} is no output of digest evaluate --json over the same lists.") from None
    sources = [task.reading_list.source for task in made]
    return {
        kind: asdict(
            compare([one["profiles"][kind]["ndcg@50"] for one in record["lists"]], rivals[kind], sources)
        )
        for kind in kinds
    }


def _show(record: dict[str, Any], *, json_output: bool) -> None:
    if json_output:
        output.as_json(record)
        return
    if "lists" in record:
        _show_lists(record)
    if "dense" in record:
        output.say(", ".join(f"{name} {value:.3f}" for name, value in record["dense"].items()))
    if "topics" in record:
        _show_topics(record["topics"])


def _show_lists(record: dict[str, Any]) -> None:
    kinds = list(record["profiles"])
    lines = [
        {"list": one["name"], **{kind: one["profiles"][kind]["ndcg@50"] for kind in kinds}}
        for one in record["lists"]
    ]
    output.rows(["list", *kinds], lines, json_output=False, empty="There are no lists.")
    output.say()
    for kind in kinds:
        figures = ", ".join(f"{name} {value:.3f}" for name, value in record["profiles"][kind].items())
        output.say(f"{kind}: {figures}")
    output.say(
        f"building a profile {record['build_ms']['median']:.0f} ms (95 %: {record['build_ms']['p95']:.0f} ms), "
        f"at most {record['profile_bytes']['max']:,} bytes, {record['scored_per_s']:,.0f} subscribers scored a second"
    )
    for kind, gain in record.get("against", {}).items():
        output.say(
            f"{kind} against the other: {gain['mean']:+.3f} nDCG@50 "
            f"(95 % between {gain['low']:+.3f} and {gain['high']:+.3f}), better in {gain['better']:.0%} of draws"
        )


def _show_topics(record: dict[str, Any]) -> None:
    methods = record["methods"]
    output.say()
    lines = [{"method": name, **_flat(figures)} for name, figures in methods.items()]
    output.rows(list(lines[0]), lines, json_output=False, empty="There are no topics.")
    for name, gain in record["digests_against"].items():
        output.say(
            f"digests against {name}: {gain['mean']:+.3f} nDCG@10 "
            f"(95 % between {gain['low']:+.3f} and {gain['high']:+.3f}), better in {gain['better']:.0%} of draws"
        )


def _flat(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a method with those of its kinds beside them."""
    return {**{name: value for name, value in figures.items() if name != "kinds"}, **figures["kinds"]}


def _draw(record: dict[str, Any], path: Path) -> None:
    from importlib import import_module

    from digest.errors import BadInput

    try:
        figures = import_module("matplotlib.figure")
    except ImportError:
        raise BadInput(
            "Drawing needs matplotlib; install it with pip install 'trending-papers-digest[plot]', or leave --plot out."
        ) from None
    kinds = list(record["profiles"])
    names = [one["name"] for one in record["lists"]]
    figure = figures.Figure(figsize=(9, 0.3 * len(names) + 1.5), layout="constrained")
    axes = figure.subplots()
    for place, kind in enumerate(kinds):
        values = [one["profiles"][kind]["ndcg@50"] for one in record["lists"]]
        mean = record["profiles"][kind]["ndcg@50"]
        axes.scatter(values, range(len(names)), label=f"{kind} (mean {mean:.3f})", color=f"C{place}")
        axes.axvline(mean, color=f"C{place}", linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("nDCG@50, mean over weeks")
    axes.legend()
    figure.savefig(path, format="png", dpi=150)
