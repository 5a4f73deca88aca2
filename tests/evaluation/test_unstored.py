"""The study of libraries that are not stored."""

from dataclasses import replace

from digest.evaluation.benchmark import tasks
from digest.evaluation.unstored import unstored
from tests.evaluation.test_benchmark import reading
from tests.evaluation.test_topics import corpus_of, stream


def test_titles_of_papers_that_are_not_stored_bring_their_field() -> None:
    papers = stream()
    corpus = corpus_of(papers)
    (task,) = tasks(corpus, [replace(reading(), name="speech")])
    assert task.library
    found = unstored(task, corpus, papers)
    assert found.keys() == {"stored", "abstracts", "titles"}
    assert all(0.9 < value <= 1 for value in found.values())
