import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, vstack

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import LIMIT, Interest, Profile, build_profile
from digest.ranking.scoring import score
from digest.ranking.terms import DIMENSIONS, Statistics, count_terms
from tests.ranking.texts import FIELDS, papers

NOTHING = count_terms([])


@pytest.fixture(scope="module")
def reference() -> ReferenceCorpus:
    counts = count_terms([text for field in FIELDS for text in papers(field, 150)])
    return ReferenceCorpus.build(Statistics.empty().adding(counts, 7), counts)


def liked(field: str, count: int) -> csr_matrix:
    return count_terms(papers(field, count, 1000))


def mean_score(profile: Profile, field: str, reference: ReferenceCorpus) -> float:
    rows = reference.statistics.weigh(count_terms(papers(field, 40, 5000)))
    return float(score([profile], rows).values.mean())


def equal(one: Profile, other: Profile) -> bool:
    return one.statistics_version == other.statistics_version and all(
        a.name == b.name and (a.terms == b.terms).all() and (a.weights == b.weights).all()
        for a, b in zip(one.interests, other.interests, strict=True)
    )


@given(
    st.lists(
        st.tuples(
            st.text(max_size=60),
            st.dictionaries(
                st.integers(0, DIMENSIONS - 1),
                st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
                max_size=200,
            ),
        ),
        max_size=6,
    ),
    st.integers(0, 2**32 - 1),
)
@settings(deadline=None)
def test_any_profile_comes_back_as_it_was_stored(
    interests: list[tuple[str, dict[int, float]]], version: int
) -> None:
    profile = Profile(
        version,
        tuple(
            Interest.rounded(name, np.array(list(w), np.int32), np.array(list(w.values()), np.float32))
            for name, w in interests
        ),
    )
    assert equal(Profile.from_bytes(profile.to_bytes()), profile)


@given(st.binary(max_size=300))
def test_what_is_no_profile_is_refused(blob: bytes) -> None:
    try:
        found = Profile.from_bytes(blob)
    except ValueError:
        return
    assert found.to_bytes() == blob or len(blob) >= 6


def test_a_profile_cut_short_is_refused(reference: ReferenceCorpus) -> None:
    blob = build_profile(["speech recognition"], NOTHING, NOTHING, reference).to_bytes()
    for size in (0, 3, 10, 60, len(blob) - 1):
        with pytest.raises(ValueError, match="profile"):
            Profile.from_bytes(blob[:size])


@pytest.mark.parametrize("topics", [0, 1, 2, 6, 20])
def test_a_profile_always_fits_its_limit(topics: int, reference: ReferenceCorpus) -> None:
    words = [f"{word} \N{SNOWMAN} {'long name ' * 9}" for word in " ".join(FIELDS.values()).split()[:topics]]
    profile = build_profile(words, liked("speech", 30), liked("protein", 3), reference)
    assert 0 < len(profile.to_bytes()) <= LIMIT
    assert equal(Profile.from_bytes(profile.to_bytes()), profile)


def test_nothing_told_means_no_interests(reference: ReferenceCorpus) -> None:
    for topics in ([], ["", "  "], ["the of and"]):
        assert build_profile(topics, NOTHING, liked("speech", 2), reference).interests == ()


@pytest.mark.parametrize("count", [1, 5, 40])
def test_liked_papers_lift_their_field(count: int, reference: ReferenceCorpus) -> None:
    profile = build_profile([], liked("speech", count), NOTHING, reference)
    assert mean_score(profile, "speech", reference) > 3 * mean_score(profile, "protein", reference)


def test_words_lift_their_field(reference: ReferenceCorpus) -> None:
    profile = build_profile(["machine unlearning"], NOTHING, NOTHING, reference)
    assert profile.interests[0].name == "machine unlearning"
    assert mean_score(profile, "unlearning", reference) > 3 * mean_score(profile, "protein", reference)


def test_two_unrelated_fields_are_two_interests(reference: ReferenceCorpus) -> None:
    both = vstack([liked("speech", 20), liked("protein", 20)], format="csr")
    profile = build_profile([], both, NOTHING, reference)
    assert len(profile.interests) == 2
    for field in ("speech", "protein"):
        alone = build_profile([], liked(field, 20), NOTHING, reference)
        assert len(alone.interests) == 1
        assert mean_score(profile, field, reference) > 0.9 * mean_score(alone, field, reference)


def test_liked_papers_about_a_topic_join_it(reference: ReferenceCorpus) -> None:
    profile = build_profile(["speech recognition"], liked("speech", 20), NOTHING, reference)
    assert [interest.name for interest in profile.interests] == ["speech recognition"]


def test_less_of_a_field_lowers_it_and_leaves_the_other(reference: ReferenceCorpus) -> None:
    both = vstack([liked("speech", 4), liked("protein", 3)], format="csr")
    before = build_profile([], both, NOTHING, reference)
    after = build_profile([], both, count_terms(papers("protein", 8, 3000)), reference)

    def share(profile: Profile) -> float:
        return mean_score(profile, "protein", reference) / mean_score(profile, "speech", reference)

    assert share(after) < 0.9 * share(before)


def test_undoing_a_tap_gives_the_profile_from_before(reference: ReferenceCorpus) -> None:
    before = build_profile(["audio"], liked("speech", 5), NOTHING, reference)
    build_profile(["audio"], liked("speech", 6), liked("protein", 1), reference)
    assert equal(build_profile(["audio"], liked("speech", 5), NOTHING, reference), before)


def test_a_background_built_anew_gives_the_same_profile() -> None:
    def build() -> bytes:
        counts = count_terms([text for field in FIELDS for text in papers(field, 60)])
        fresh = ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)
        return build_profile(["speech"], liked("protein", 12), NOTHING, fresh).to_bytes()

    assert build() == build()


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_a_small_background_is_enough_to_start(count: int) -> None:
    counts = count_terms([text for field in FIELDS for text in papers(field, count)][: max(count, 0) * 2])
    small = ReferenceCorpus.build(Statistics.empty().adding(counts, 1), counts)
    profile = build_profile(["speech recognition"], liked("tracking", 2), NOTHING, small)
    assert mean_score(profile, "speech", small) > mean_score(profile, "protein", small)
    assert mean_score(profile, "tracking", small) > mean_score(profile, "protein", small)
