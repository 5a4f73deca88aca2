"""A sentence-embedding model from a folder on this machine; the only module that knows ONNX Runtime.

The folder holds `model.onnx` and `tokenizer.json`. Both are read at the first use; nothing is downloaded.
"""

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digest.errors import BadInput

_MOST_TOKENS = 256
"""Tokens of a text that are read; the usual length for title and abstract."""


class EmbeddingModel:
    """Turns texts into vectors of length one. May be used by several threads."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self._folder = folder

    @cached_property
    def name(self) -> str:
        """A name that is equal only for equal models: stored vectors carry it."""
        return sha256(self._read("model.onnx")).hexdigest()[:16]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return [text, dimension]. Raises BadInput when the model cannot be read or its extra is not installed.

        Texts are read one by one: a model with weights of eight bits gives a text another vector beside other texts,
        and on a processor many at once are hardly faster.
        """
        found = [self._encoded(text) for text in texts]
        return np.stack(found) if found else np.zeros((0, 0), np.float32)

    def _encoded(self, text: str) -> NDArray[np.float32]:
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        given = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        asked = {one.name for one in self._session.get_inputs()}
        hidden = self._session.run(None, {name: value for name, value in given.items() if name in asked})[0]
        # The mean of the tokens, as sentence transformers are trained; a model that pools itself gives one vector.
        vector = hidden[0] if hidden.ndim == 2 else hidden[0].mean(axis=0)
        scaled: NDArray[np.float32] = (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
        return scaled

    def _read(self, name: str) -> bytes:
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise BadInput(
                f"The embedding model {self._folder / name} cannot be read ({error.strerror}); "
                "DIGEST_DENSE_MODEL names a folder with model.onnx and tokenizer.json."
            ) from None

    @cached_property
    def _session(self) -> Any:
        try:
            import onnxruntime  # noqa: PLC0415
        except ImportError:
            raise _not_installed() from None
        options = onnxruntime.SessionOptions()
        # One thread, so that a vector is the same whatever else the machine does.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        content = self._read("model.onnx")
        try:
            return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - its exceptions have no common base
            raise BadInput(f"{self._folder / 'model.onnx'} is no model that can be used: {error}") from None

    @cached_property
    def _tokenizer(self) -> Any:
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415
        except ImportError:
            raise _not_installed() from None
        content = self._read("tokenizer.json").decode(errors="replace")
        try:
            tokenizer = Tokenizer.from_str(content)
        except Exception as error:  # noqa: BLE001 - its exceptions have no common base
            raise BadInput(f"{self._folder / 'tokenizer.json'} is no tokenizer: {error}") from None
        tokenizer.enable_truncation(_MOST_TOKENS)
        tokenizer.no_padding()
        return tokenizer


def _not_installed() -> BadInput:
    return BadInput(
        "DIGEST_DENSE_MODEL needs ONNX Runtime and tokenizers: pip install 'trending-papers-digest[dense]'"
    )
