from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.domain.paper import Paper
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.profile import Interest, Profile, build_profile
from digest.ranking.select import (
    _ALIKE,
    _CONSIDERED,
    _REPEATED,
    MOST_BY_INITIALS,
    Candidates,
    RankedPick,
    Rules,
    score,
    select,
)
from digest.ranking.terms import Statistics, count_terms
from digest.ranking.trending import NEWNESS
from tests.ranking.texts import FIELDS, papers

NOTHING = count_terms([])
COUNTS = count_terms([text for field in FIELDS for text in papers(field, 100)])
STATISTICS = Statistics.empty().adding(COUNTS, 1)
REFERENCE = ReferenceCorpus.build(STATISTICS, COUNTS)
PAPERS = [
    Paper(
        f"2611.{place:05}",
        *text,
        authors=(f"Ada Writer{place}",),
        categories=(("cs.CV", "eess.IV") if place < 20 else ("cs.CL",)),
        announced_on=date(2026, 11, 20),
    )
    for place, text in enumerate([*papers("tracking", 20, 700), *papers("unlearning", 20, 700)])
]
HEAT = np.linspace(0.9, 0.2, len(PAPERS)).astype(np.float32)
SUBSCRIBER = build_profile(["object tracking", "machine unlearning"], NOTHING, NOTHING, REFERENCE)
STRANGER = Profile(1, ())


def candidates(
    stored_reference: Sequence[Paper] = PAPERS, heat: np.ndarray[tuple[int], np.dtype[np.float32]] = HEAT
) -> Candidates:
    return Candidates.build(
        stored_reference,
        count_terms([(p.title, p.abstract) for p in stored_reference]),
        [STATISTICS],
        heat[: len(stored_reference)],
    )


def picks(
    rules: Rules,
    seen: frozenset[str] = frozenset(),
    profile: Profile = SUBSCRIBER,
    on: Candidates | None = None,
) -> list[RankedPick]:
    on = on or candidates()
    scores = on.score([profile])
    return select(on, scores.values[0], scores.interests[0], rules, seen)


def sections(chosen: list[RankedPick]) -> list[str]:
    return [pick.section for pick in chosen]


def test_ten_papers_seven_by_taste_three_that_everyone_reads() -> None:
    chosen = picks(Rules())
    assert sections(chosen) == ["for_you"] * 7 + ["everyone"] * 3
    assert len({pick.paper_id for pick in chosen}) == 10
    by_taste = [pick.score for pick in chosen[:7]]
    assert by_taste[0] == max(by_taste)


@pytest.mark.parametrize(
    ("size", "share", "by_taste"), [(10, 1.0, 10), (10, 0.0, 0), (4, 0.5, 2), (1, 0.7, 1)]
)
def test_the_subscriber_sets_the_split(size: int, share: float, by_taste: int) -> None:
    assert sections(picks(Rules(size=size, for_you=share))).count("for_you") == by_taste


def test_no_interest_takes_more_than_its_share() -> None:
    by_taste = [pick.interest for pick in picks(Rules()) if pick.section == "for_you"]
    assert max(by_taste.count(0), by_taste.count(1)) <= 5


def scored(values: list[float], interests: list[int], on: Candidates, size: int) -> list[RankedPick]:
    return select(
        on,
        np.array(values, np.float32),
        np.array(interests, np.int8),
        Rules(size=size, for_you=1, floor=0.1),
    )


def test_an_interest_with_lower_scores_still_gets_half_of_an_equal_share() -> None:
    on = candidates(PAPERS[:40])
    values = [0.9 - 0.001 * place if place < 30 else 0.2 for place in range(40)]
    chosen = [pick.interest for pick in scored(values, [int(place >= 30) for place in range(40)], on, 10)]
    assert chosen.count(1) == 2
    alone = [pick.interest for pick in scored(values, [0] * 40, on, 10)]
    assert alone == [0] * 10


def plainly_by_taste(
    on: Candidates, values: list[float], interests: list[int], size: int
) -> list[tuple[int, int]]:
    """Return (index, interest) of the picks by taste: the rule, step by step, without its shortcuts."""
    left = [index for index in np.argsort(-np.array(values), kind="stable").tolist() if interests[index] >= 0]
    left = left[: _CONSIDERED * size]
    by_interest = Counter(interests[index] for index in left)
    share = max(1, size // (2 * max(1, len(by_interest))))
    found: list[tuple[int, int]] = []
    while left and len(found) < size:
        owed = {}
        for interest, count in by_interest.items():
            due = min(count, share) - sum(interest == one for _, one in found)
            owed[interest] = max(0, min(due, sum(interests[index] == interest for index in left)))
        must = {one for one, due in owed.items() if due} if size - len(found) <= sum(owed.values()) else set()

        def worth(index: int) -> float:
            nearest = max((on.similarity(other).item(index) for other, _ in found), default=0.0)
            alike = values[index] * (1 - _ALIKE * max(0.0, nearest))
            again = sum(one == interests[index] for _, one in found)
            return alike * _REPEATED**again if len(by_interest) > 1 else alike

        best = max((one for one in left if not must or interests[one] in must), key=worth)
        left.remove(best)
        if all(on.groups[best] != on.groups[other] for other, _ in found):
            found.append((best, interests[best]))
    return found


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 12), st.integers(1, 4))
def test_picks_by_taste_follow_the_rule(data: st.DataObject, size: int, kinds: int) -> None:
    on = candidates(heat=np.zeros(len(PAPERS), np.float32))
    values = data.draw(st.lists(st.integers(1, 64), min_size=len(PAPERS), max_size=len(PAPERS)))
    scores = np.array([value / 64 for value in values], np.float32)
    interests = data.draw(st.lists(st.integers(-1, kinds - 1), min_size=len(PAPERS), max_size=len(PAPERS)))
    chosen = select(on, scores, np.array(interests, np.int8), Rules(size=size, for_you=1.0, floor=0.0))
    by_taste = [(one.index, one.interest) for one in chosen if one.section == "for_you"]
    assert by_taste == plainly_by_taste(on, scores.tolist(), interests, size)


def test_papers_of_one_subtheme_do_not_fill_a_digest() -> None:
    """Papers that repeat one another step back behind others that score nearly as much."""
    texts = papers("protein", 6, 900)
    same = [
        replace(PAPERS[0], id=f"2612.{n:05}", title=title, abstract=PAPERS[0].abstract + abstract)
        for n, (title, abstract) in enumerate(texts)
    ]
    others = [PAPERS[place] for place in range(20, 26)]
    on = candidates([*same, *others])
    assert len(set(on.groups.tolist())) == 12
    chosen = scored([0.5] * 6 + [0.48] * 6, [0] * 12, on, 6)
    assert sum(pick.index >= 6 for pick in chosen) >= 4


def test_a_short_section_is_filled_by_the_other() -> None:
    assert sections(picks(Rules(floor=0.99))) == ["everyone"] * 10
    cold = candidates(heat=np.full(len(PAPERS), NEWNESS / 2, np.float32))
    assert sections(picks(Rules(), on=cold)) == ["for_you"] * 10


@pytest.mark.parametrize(
    ("topics", "everyone"),
    [(["object tracking"], 3), (["machine unlearning"], 0), (["object tracking", "machine unlearning"], 1)],
)
def test_what_everyone_reads_has_the_share_of_the_fields_with_votes(topics: list[str], everyone: int) -> None:
    # Nobody votes on the second half, which is biology.
    mixed = [replace(paper, categories=("biorxiv:ecology",)) for paper in PAPERS[20:]]
    votes = np.concatenate([HEAT[:20], np.full(20, NEWNESS / 2)]).astype(np.float32)
    on = candidates([*PAPERS[:20], *mixed], votes)
    assert on.voted_fields == {"cs"}
    profile = build_profile(topics, NOTHING, NOTHING, REFERENCE)
    assert sections(picks(Rules(), profile=profile, on=on)).count("everyone") == everyone
    # Where there is nothing else, what everyone reads fills the mail.
    nothing_fits = picks(Rules(floor=0.99), profile=profile, on=on)
    assert sections(nothing_fits) == ["everyone"] * 10


def test_new_papers_without_votes_come_from_each_source_in_turn() -> None:
    many = [replace(paper, categories=("biorxiv:ecology",)) for paper in PAPERS[:20]]
    few = [replace(paper, categories=("stat.ML",)) for paper in PAPERS[20:24]]
    on = candidates([*many, *few], np.full(24, NEWNESS / 2, np.float32))
    chosen = picks(Rules(), profile=STRANGER, on=on)
    assert sum(on.fields[pick.index] == "stat" for pick in chosen) == 4


def test_nothing_below_the_floor_is_picked_by_taste() -> None:
    assert all(pick.score >= 0.3 for pick in picks(Rules(floor=0.3)) if pick.section == "for_you")


def test_a_stranger_gets_what_everyone_reads_even_when_it_is_only_new() -> None:
    cold = candidates(heat=np.full(len(PAPERS), NEWNESS / 2, np.float32))
    for on in (candidates(), cold):
        assert sections(picks(Rules(), profile=STRANGER, on=on)) == ["everyone"] * 10


def test_what_was_seen_never_comes_again() -> None:
    seen: set[str] = set()
    for _ in range(4):
        chosen = {pick.paper_id for pick in picks(Rules(), frozenset(seen))}
        assert len(chosen) == 10
        assert not chosen & seen
        seen |= chosen
    assert picks(Rules(), frozenset(seen)) == []


def test_near_duplicates_and_series_are_folded_also_with_what_was_seen() -> None:
    first = PAPERS[0]
    twin = replace(first, id="2611.90001", abstract=first.abstract + " Extended.")
    part = replace(first, id="2611.90002", title=first.title + " Part II", abstract="Another text.")
    on = candidates([*PAPERS[:10], twin, part])
    group = {first.id, twin.id, part.id}
    assert len({pick.paper_id for pick in picks(Rules(size=12), on=on)} & group) == 1
    assert not {pick.paper_id for pick in picks(Rules(size=12), frozenset({twin.id}), on=on)} & group


def test_withdrawn_papers_never_come() -> None:
    gone = candidates([replace(paper, withdrawn=True) for paper in PAPERS])
    assert picks(Rules(follow=("Ada Writer3",)), on=gone) == []


def test_must_asks_for_every_word_and_takes_alternatives() -> None:
    on = candidates()
    chosen = picks(Rules(must=("forgetting|erase", "Privacy")), on=on)
    assert chosen
    for pick in chosen:
        text = on.papers[pick.index].title.lower() + on.papers[pick.index].abstract.lower()
        assert "privacy" in text
        assert "forget" in text or "erase" in text


def test_mute_asks_for_none_and_knows_whole_words_only() -> None:
    on = candidates()
    chosen = picks(Rules(mute=("cameras", "for")), on=on)
    assert chosen
    assert all("camera" not in on.papers[pick.index].abstract.lower() for pick in chosen)
    assert any("forget" in on.papers[pick.index].abstract.lower() for pick in chosen)


def test_categories_count_cross_lists_and_whole_archives() -> None:
    on = candidates()
    for wanted in ("eess.IV", "eess", "CS.CV"):
        assert all(pick.index < 20 for pick in picks(Rules(categories=(wanted,)), on=on))
    assert picks(Rules(categories=("cs.C",)), on=on) == []
    assert {pick.index < 20 for pick in picks(Rules(categories=("cs.CV", "cs.CL")), on=on)} == {
        True,
        False,
    }


@pytest.mark.parametrize(
    ("followed", "printed", "same"),
    [
        ("Yann LeCun", "Yann LeCun", True),
        ("Y. LeCun", "Yann LeCun", True),
        ("LeCun, Yann", "Y. LeCun", True),
        ("yann lecun", "Yann A. LeCun", True),
        ("José García", "Jose Garcia", True),
        ("Yann LeCun", "Yoshua LeCun", False),
        ("LeCun", "Yann LeCun", False),
        ("Wei Li", "Wei Liu", False),
        ("Jane Doe-Smith", "J. Q. Doe-Smith", True),
        ("Jane Doe-Smith", "Jane Smith", False),
        ("Jean-Pierre Serre", "J.-P. Serre", True),
        ("Jean-Pierre Serre", "Jean Pierre Serre", True),
        ("Serre, J.-P.", "Jean-Pierre Serre", True),
        ("", "Yann LeCun", False),
    ],
)
def test_followed_authors_fold_initials_and_accents(followed: str, printed: str, *, same: bool) -> None:
    on = candidates([replace(PAPERS[0], authors=("A B", printed)), *PAPERS[1:]])
    first = picks(Rules(follow=(followed,)), on=on)[0]
    assert (first.author == printed) is same


def test_a_name_with_initials_brings_few_papers_as_they_may_be_by_others() -> None:
    same_initial = [replace(paper, authors=(f"Anna{number} Writer",)) for number, paper in enumerate(PAPERS)]
    on = candidates(same_initial)
    by_initial = picks(Rules(follow=("A. Writer",)), on=on)
    assert sum(bool(pick.author) for pick in by_initial) == MOST_BY_INITIALS
    # Papers that print the whole name are hers, however many there are.
    hers = [replace(paper, authors=("Anna B. Writer",)) for paper in PAPERS[:6]]
    on = candidates([*hers, *same_initial[6:]])
    assert {pick.author for pick in picks(Rules(follow=("Anna Writer",)), on=on)} == {"Anna B. Writer", ""}
    assert sum(bool(pick.author) for pick in picks(Rules(follow=("Anna Writer",)), on=on)) == 6


def test_an_author_may_have_several_names() -> None:
    three = [
        replace(PAPERS[0], authors=("Jane Doe",)),
        replace(PAPERS[10], authors=("J. Q. Doe-Smith",)),
        replace(PAPERS[20], authors=("Jane Smith",)),
    ]
    on = candidates(three)
    chosen = picks(Rules(follow=("Jane Doe | Jane Q. Doe-Smith",)), on=on)
    assert {pick.author for pick in chosen if pick.author} == {"Jane Doe", "J. Q. Doe-Smith"}


def test_all_papers_of_followed_authors_come_first_whatever_the_filters() -> None:
    follow = tuple(f"A. Writer{place}" for place in range(20, 25))
    chosen = picks(Rules(follow=follow, must=("camera",), categories=("cs.CV",)))
    assert [bool(pick.author) for pick in chosen] == [True] * 5 + [False] * (len(chosen) - 5)
    assert sum(bool(pick.author) for pick in picks(Rules(follow=follow, size=3))) == 3
    muted = picks(Rules(follow=follow, mute=("unlearning",)))
    assert all("unlearning" not in (PAPERS[c.index].title + PAPERS[c.index].abstract).lower() for c in muted)


@given(
    st.builds(
        Rules,
        must=st.lists(st.text(max_size=8), max_size=2).map(tuple),
        mute=st.lists(st.text(max_size=8), max_size=2).map(tuple),
        categories=st.lists(st.text(max_size=6), max_size=2).map(tuple),
        follow=st.lists(st.text(max_size=12), max_size=2).map(tuple),
        size=st.integers(0, 50),
        for_you=st.floats(0, 1),
        floor=st.floats(0, 1),
    ),
    st.sets(st.sampled_from([paper.id for paper in PAPERS])),
)
@settings(deadline=None, max_examples=50)
def test_any_rules_give_new_papers_once_and_no_more_than_asked(rules: Rules, seen: set[str]) -> None:
    chosen = [pick.paper_id for pick in picks(rules, frozenset(seen), on=CANDIDATES)]
    assert len(chosen) <= rules.size
    assert len(set(chosen)) == len(chosen)
    assert not set(chosen) & seen


CANDIDATES = candidates()


def test_candidates_score_subscribers_of_several_versions_and_refuses_unknown_ones() -> None:
    newer = STATISTICS.adding(COUNTS[:100], 2)
    moved = build_profile(["object tracking"], NOTHING, NOTHING, ReferenceCorpus.build(newer, COUNTS))
    counts = count_terms([(paper.title, paper.abstract) for paper in PAPERS])
    on = Candidates.build(PAPERS, counts, [STATISTICS, newer], HEAT)
    both = on.score([SUBSCRIBER, moved, STRANGER])
    assert (both.values[0] == score([SUBSCRIBER], STATISTICS.weigh(counts)).values[0]).all()
    assert (both.values[1] == score([moved], newer.weigh(counts)).values[0]).all()
    assert (both.interests[2] == -1).all()
    with pytest.raises(ValueError, match="version 2"):
        candidates().score([moved])


def test_a_score_is_the_same_number_alone_and_among_many() -> None:
    rows = STATISTICS.weigh(COUNTS)
    whole_rows = rows.astype(np.float64)
    subscribers = [
        build_profile([word], COUNTS[place : place + 5], NOTHING, REFERENCE)
        for place, word in enumerate(" ".join(FIELDS.values()).split())
    ]
    many = score([*subscribers, STRANGER, *subscribers], rows)
    for place, subscriber in enumerate(subscribers):
        alone = score([subscriber], rows)
        assert (many.values[place] == alone.values[0]).all()
        assert (many.interests[place] == alone.interests[0]).all()
        whole = np.max([whole_rows @ _dense(i) for i in subscriber.interests], axis=0)
        assert (alone.values[0] == np.clip(whole, 0, 1).astype(np.float32)).all()
    assert 0 <= many.values.min() <= many.values.max() <= 1


def _dense(interest: Interest) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    dense = np.zeros(2**20)
    dense[interest.terms] = interest.weights
    return dense


def test_no_candidates_give_nothing() -> None:
    assert picks(Rules(), on=candidates([])) == []
