"""The dense scorer takes part in the daily run when the setting names a model."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from digest.delivery.second_opinion import DAYS_BACK, SecondOpinion
from digest.delivery.select_papers import Composer, Request, SelectionSettings
from digest.embedding import EmbeddingModel
from digest.settings import Settings
from digest.store import paper_vectors as vector_store
from digest.store.database import Database
from digest.store.models import paper_vectors, papers
from digest.wiring import Container
from tests.conftest import embedding_folder
from tests.factories import (
    TUESDAY,
    add_papers,
    add_subscriber,
    at,
    delivery_context,
    make_paper,
    make_papers,
    whole_run,
)


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return EmbeddingModel(embedding_folder())


@pytest.fixture
def filled(database: Database) -> Database:
    add_papers(database, *make_papers(40), upvotes=0)
    return database


def stored_vectors(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(paper_vectors)).scalar_one())


def test_a_run_stores_the_vector_of_each_recent_paper_once(filled: Database, model: EmbeddingModel) -> None:
    add_papers(filled, make_paper(77, announced_on=TUESDAY - DAYS_BACK - timedelta(days=1)))
    opinion = SecondOpinion(model)
    context = replace(delivery_context(filled), composer=Composer(SelectionSettings(), opinion))
    whole_run(context, at(TUESDAY))
    assert stored_vectors(filled) == 40
    assert opinion.store_vectors(filled, TUESDAY) == 0
    with filled.read() as connection:
        row_ids = list(connection.execute(select(papers.c.id)).scalars())
        vectors = vector_store.read_vectors(connection, model.name, row_ids)
    assert len(vectors) == 40
    assert all(abs(float(vector @ vector) - 1) < 0.01 for vector in vectors.values())


def test_without_a_model_no_vector_is_stored(filled: Database) -> None:
    whole_run(delivery_context(filled), at(TUESDAY))
    assert stored_vectors(filled) == 0


def test_vectors_of_another_model_are_deleted(filled: Database, model: EmbeddingModel) -> None:
    SecondOpinion(model).store_vectors(filled, TUESDAY)
    with filled.begin() as connection:
        known = vector_store.read_vectors(connection, model.name, [1])
        vector_store.save_vectors(connection, "an older model", known)
    SecondOpinion(model).store_vectors(filled, TUESDAY)
    assert stored_vectors(filled) == 40


SPEECH = {
    1: (
        "Freedom of speech",
        "Speech and its recognition by courts: speech acts, recognition of rights, speech law.",
    ),
    2: (
        "Recognition of speech acts in contracts",
        "Contract law. Speech acts bind. Recognition of signed contracts.",
    ),
    3: (
        "Transcribing conversations",
        "Speech recognition turns spoken words of many speakers into text, in noise too.",
    ),
    4: (
        "Acoustic models for spoken language",
        "Speech of children is hard: recognition of phonemes with acoustic models.",
    ),
}


def test_a_digest_is_in_the_order_that_both_scorers_make(database: Database, model: EmbeddingModel) -> None:
    add_papers(
        database,
        *make_papers(30, first=100, subject="splats"),
        *(make_paper(number, title=title, abstract=text) for number, (title, text) in SPEECH.items()),
    )
    subscriber = add_subscriber(database, topics=["automatic speech recognition"], max_papers=4)
    opinion = SecondOpinion(model)
    opinion.store_vectors(database, TUESDAY)

    def order(second_opinion: SecondOpinion | None) -> list[str]:
        composer = Composer(SelectionSettings(for_you=1, trending=0, score_floor=0.01), second_opinion)
        with database.read() as connection:
            (selection,) = composer.select(connection, [Request(subscriber, TUESDAY)], at(TUESDAY))
        return [pick.card.paper_id for pick in selection.picks]

    plain, fused = order(None), order(opinion)
    places = [fused.index(f"2603.{number:05}") for number in (3, 4)]
    before = [plain.index(f"2603.{number:05}") for number in (3, 4)]
    assert sum(places) < sum(before)


def test_the_setting_switches_the_second_opinion_on() -> None:
    container = Container(Settings(dense_model=Path("model")), lambda: at(TUESDAY))
    assert container.second_opinion is not None
    assert container.composer.second_opinion is container.second_opinion
    assert Container(Settings(), lambda: at(TUESDAY)).second_opinion is None
