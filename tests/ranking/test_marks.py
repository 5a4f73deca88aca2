"""What a few marked papers add to a typed interest: what they share with others, not their own vocabulary."""

import numpy as np
import pytest

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import Profile, build_profile
from digest.ranking.terms import Statistics, count_terms, occurrences
from tests.ranking.texts import FIELDS, papers

NOTHING = count_terms([])
OWN = "Zyzzyva"
RATED = (
    "Speech recognition with Zyzzyva",
    papers("speech", 1, 300)[0][1] + " Zyzzyva is plug and play. Zyzzyva.",
)


@pytest.fixture(scope="module")
def reference() -> ReferenceCorpus:
    counts = count_terms([text for field in FIELDS for text in papers(field, 60)] + [(OWN, OWN)] * 3)
    return ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)


def weight(profile: Profile, word: str) -> float:
    """Return the weight of a word beside the largest of its interest."""
    bucket = int(occurrences("", word).words[0, 0])
    interest = profile.interests[0]
    held = interest.terms == bucket
    return float(interest.weights[held].sum() / interest.weights.max())


def test_a_name_that_one_marked_paper_has_does_not_lead(reference: ReferenceCorpus) -> None:
    profile = build_profile(["speech recognition"], count_terms([RATED]), NOTHING, reference)
    assert [interest.name for interest in profile.interests] == ["speech recognition"]
    assert weight(profile, OWN) < 0.2 * weight(profile, "speech")


def test_a_mark_that_fits_no_topic_is_weak_evidence_of_another_interest(reference: ReferenceCorpus) -> None:
    odd = count_terms(papers("protein", 1, 300))
    profile = build_profile(["speech recognition"], odd, NOTHING, reference)
    topic, rated = profile.interests
    alone = build_profile([], odd, NOTHING, reference).interests[0]
    assert np.abs(rated.weights).max() < 0.2 * np.abs(alone.weights).max()
    assert topic.name == "speech recognition"
