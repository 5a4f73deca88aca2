"""The studies of `digest evaluate --study`: what the benchmarks say beside their figures."""

from typing import TYPE_CHECKING, Any

from digest.cli import output

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from digest.domain.paper import Paper
    from digest.evaluation.benchmark import Corpus, Task
    from digest.evaluation.topics import Benchmark

STUDIES = ("taps", "pairs", "less", "tuning", "marks", "ticks", "lines", "diversity", "unstored")
_ONE_FIELD = 0.5
"""Lists at least this similar are about one field."""


def study_lists(study: str, corpus: "Corpus", made: "list[Task]", theme: str) -> dict[str, Any]:
    """Return what a study of reading lists found: a record per list, and mostly means."""
    from dataclasses import asdict
    from statistics import mean

    from digest.evaluation import studies
    from digest.evaluation.benchmark import tasks

    if study in {"taps", "tuning"}:
        before = [one for task in made for one in studies.earlier(task.reading_list, corpus)]
        weeks = {"own": made, "earlier": tasks(corpus, before)}
        return _taps(corpus, weeks) if study == "taps" else _tuning(weeks)
    if study in {"marks", "ticks"}:
        return _beside_a_line(study, made)
    if study == "pairs":
        joined = [
            {**asdict(half), "library_similarity": studies.library_similarity(one, other)}
            for one, other in studies.pairs(made)
            for half in studies.pair(one, other)
        ]
        judged = [half for half in joined if half["alone"] > 0]
        unrelated = [half["kept"] for half in judged if half["library_similarity"] < _ONE_FIELD]
        return {
            "mean": {
                "kept": mean(half["kept"] for half in judged),
                "kept_90": mean(half["kept"] >= 0.9 for half in judged),
                "kept_90_of_two_fields": mean(kept >= 0.9 for kept in unrelated),
            },
            "lists": joined,
        }
    found = [studies.muted(task, _counts(corpus, task), theme) for task in made]
    return {
        "mean": studies.mean_of(found),
        "lists": [{"name": task.reading_list.name, **one} for task, one in zip(made, found, strict=True)],
    }


def _beside_a_line(study: str, made: "list[Task]") -> dict[str, Any]:
    from digest.evaluation import studies
    from digest.evaluation.line_studies import marks
    from digest.evaluation.ticks import ticks

    typed = [task for task in made if task.reading_list.topic]
    found = [(marks if study == "marks" else ticks)(task) for task in typed]
    return {
        "mean": studies.mean_of(found),
        "lists": [{"name": task.reading_list.name, **one} for task, one in zip(typed, found, strict=True)],
    }


def study_diversity(corpus: "Corpus", made: "list[Task]", papers: "dict[str, Paper]") -> dict[str, Any]:
    """Return how many subthemes the digests of lists with sections have, by the kind of profile."""
    from digest.evaluation.benchmark import KINDS
    from digest.evaluation.diversity import diversity, sectioned

    return {
        "lists": [
            {
                "name": task.reading_list.name,
                "profile": kind,
                **diversity(task, sections, corpus, papers, kind),
            }
            for task, sections in sectioned(made)
            for kind in KINDS
        ]
    }


def study_unstored(corpus: "Corpus", made: "list[Task]", papers: "dict[str, Paper]") -> dict[str, Any]:
    """Return how lists fare whose libraries are not stored."""
    from digest.evaluation.studies import mean_of
    from digest.evaluation.unstored import unstored

    found = [unstored(task, corpus, papers) for task in made]
    return {
        "mean": mean_of(found),
        "lists": [{"name": task.reading_list.name, **one} for task, one in zip(made, found, strict=True)],
    }


def study_lines(benchmark: "Benchmark") -> dict[str, Any]:
    """Return how the choices for topic lines do on topics that had no say in them."""
    from digest.evaluation.line_studies import held_out

    found = held_out(benchmark)
    return {
        "mean": {
            f"{name} {key}": value for name in ("in use", "held out") for key, value in found[name].items()
        },
        "chosen": found["chosen"],
        "hindsight": found["hindsight"],
        "lists": [{"tuning": name, **figures} for name, figures in found["tunings"].items()],
    }


def _taps(corpus: "Corpus", weeks: "dict[str, list[Task]]") -> dict[str, Any]:
    from digest.evaluation import studies

    judged = [(name, task) for name, of_name in weeks.items() for task in of_name]
    found = [studies.taps(task, _counts(corpus, task)) for _, task in judged]
    return {
        "mean": studies.mean_of(found)
        | studies.gain(found, [task.reading_list.source for _, task in judged]),
        "lists": [
            {"weeks": name, "name": task.reading_list.name, **one}
            for (name, task), one in zip(judged, found, strict=True)
        ],
    }


def _tuning(weeks: "dict[str, list[Task]]") -> dict[str, Any]:
    from digest.evaluation import studies
    from digest.evaluation.benchmark import KINDS

    return {
        "lists": [
            {"weeks": name, "profile": kind, **studies.tuned(judged, kind)}
            for name, judged in weeks.items()
            for kind in KINDS
        ]
    }


def _counts(corpus: "Corpus", task: "Task") -> "csr_matrix":
    """Return the raw counts of the papers that a task ranks."""
    start = corpus.before(task.reading_list.split)
    return corpus.counts[start : start + task.papers.shape[0]]


def show_study(record: dict[str, Any], *, json_output: bool) -> None:
    """Print what a study found."""
    if json_output:
        output.as_json(record)
        return
    columns = list(record["lists"][0]) if record["lists"] else ["name"]
    output.rows(columns, record["lists"], json_output=False, empty="There is no list for this study.")
    if "mean" in record:
        output.say(", ".join(f"{key} {value:.3f}" for key, value in record["mean"].items()))
