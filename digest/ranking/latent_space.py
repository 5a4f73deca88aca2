"""The few dozen main directions in which papers differ, found once for all subscribers.

Terms that go together (`diffusion`, `denoising`, `noise schedule`) point in one direction, and one number
says how much of it a paper has. A subscriber's examples are too few to tell which terms belong together; the
stored papers know (latent semantic analysis: Deerwester et al., 1990). What is learned of a direction is
folded back into its terms, so that a profile stays a list of terms.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

_COUNT = 100
_COLUMNS = 15_000
"""Of the commonest terms; rarer ones say nothing sure about what goes together."""


@dataclass(frozen=True, eq=False)
class LatentSpace:
    """A basis over the first columns of a reference corpus."""

    basis: NDArray[np.float32]
    """[direction, column]; longest for the direction that papers differ in least: partly whitened."""
    centre: NDArray[np.float32]
    """What the mean paper has of each direction."""

    @classmethod
    def fit(cls, rows: csr_matrix) -> Self:
        """Find them in weighed rows whose commonest columns come first; the same rows give the same result."""
        # Importing scikit-learn takes a second, which a subscriber of a few words need not wait.
        from sklearn.utils.extmath import randomized_svd  # noqa: PLC0415

        common = rows[:, :_COLUMNS]
        count = min(_COUNT, *common.shape)
        _, singular_values, found = randomized_svd(common, count, n_iter=2, random_state=0)
        singular_values = np.maximum(singular_values, singular_values[0] / 100)
        basis = (np.sqrt(singular_values[0] / singular_values)[:, None] * found).astype(np.float32)
        centre = np.asarray(common.mean(axis=0), np.float32).ravel() @ basis.T
        return cls(basis, centre)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.basis)

    def of(self, rows: csr_matrix) -> NDArray[np.float32]:
        """Return [row, direction]: how much each row has of each, less what the mean paper has."""
        found: NDArray[np.float32] = rows[:, : self.basis.shape[1]] @ self.basis.T - self.centre
        return found

    def folded(self, weights: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the weights of the first columns that score as these weights of the directions do."""
        found: NDArray[np.float32] = weights.astype(np.float32) @ self.basis
        return found
