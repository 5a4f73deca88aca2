"""Texts to vectors, by a model in a folder."""

from pathlib import Path

import numpy as np
import pytest

from digest.embedding import EmbeddingModel
from digest.errors import BadInput
from tests.conftest import embedding_folder


def test_texts_of_one_meaning_are_closer_than_others() -> None:
    model = EmbeddingModel(embedding_folder())
    texts = ["robot arms learn to grasp", "a manipulator picks objects up", "the history of tax law"]
    vectors = model.encode(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1
    assert model.encode([]).shape[0] == 0


def test_a_text_has_one_vector_whatever_stands_beside_it() -> None:
    model = EmbeddingModel(embedding_folder())
    alone = model.encode(["graph neural networks"])
    beside = model.encode(["graph neural networks", "a much longer text about something else entirely " * 40])
    assert (alone[0] == beside[0]).all()


def test_a_model_has_the_same_name_in_every_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder, content in (("a", b"one"), ("b", b"two")):
        (tmp_path / folder / "model.onnx").write_bytes(content)
    assert EmbeddingModel(tmp_path / "a").name == EmbeddingModel(tmp_path / "a").name
    assert EmbeddingModel(tmp_path / "a").name != EmbeddingModel(tmp_path / "b").name


def test_a_missing_model_is_named_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="DIGEST_DENSE_MODEL"):
        _ = EmbeddingModel(tmp_path / "nowhere").name


@pytest.mark.parametrize("damaged", ["model.onnx", "tokenizer.json"])
def test_a_file_that_is_no_model_is_reported(tmp_path: Path, damaged: str) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        content = (embedding_folder() / name).read_bytes()
        (tmp_path / name).write_bytes(b"not this" if name == damaged else content)
    with pytest.raises(BadInput, match=damaged):
        EmbeddingModel(tmp_path).encode(["text"])
