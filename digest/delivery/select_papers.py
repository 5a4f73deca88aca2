"""Selects the papers of each subscriber of a batch: a few queries for all, then a decision for each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from digest.delivery.candidates import CandidateCache, StoredCandidates, Window, interest_key
from digest.delivery.composed_mail import ComposedMail, SenderIdentity, about, schedule_in_words
from digest.delivery.decisions import short_note
from digest.delivery.feed_state import FeedState, feed_state, newest_expected
from digest.delivery.liked_papers import MOST_LIKED, LikedPapers, liked_titles
from digest.delivery.second_opinion import SecondOpinion
from digest.domain.delivery import Kind, Section
from digest.domain.pick import NO_REASON, Pick, PickReason
from digest.domain.subscriber import Subscriber, Verdict
from digest.papers.identifiers import abstract_url
from digest.ranking.profile import NO_PROFILE, Profile
from digest.ranking.scorers import Scorer, TfidfScorer
from digest.ranking.select import FLOOR, RankedPick, Rules, select
from digest.store import editions as edition_store
from digest.store import feedback as feedback_store
from digest.store import fetches as fetch_store
from digest.store import overview
from digest.store import papers as paper_store
from digest.store import picks as pick_store
from digest.store import terms as term_store
from digest.store.database import Connection
from digest.text.languages import gettext, use_language

_KNOWN_FOR = timedelta(days=4)
"""How long a fetch tells what its feed has announced: longer than a weekend with a holiday, and not after it is given up."""
MARKED_SHOWN = 10
"""Marked papers that a weekly digest lists."""


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """How papers are selected, the same for all subscribers of an installation."""

    for_you: int = 7
    trending: int = 3
    score_floor: float = FLOOR
    first_digest_days: int = 7
    catch_up_days: int = 14
    holidays: frozenset[date] = frozenset()

    def rules(self, subscriber: Subscriber) -> Rules:
        """Return the rules of one subscriber."""
        asked = subscriber.interests
        return Rules(
            must=asked.must,
            mute=asked.mute,
            categories=asked.categories,
            follow=asked.follow,
            size=subscriber.max_papers,
            for_you=self.for_you / max(1, self.for_you + self.trending),
            floor=self.score_floor,
        )


@dataclass(frozen=True, slots=True)
class Request:
    """A digest to be selected: a subscriber and an edition."""

    subscriber: Subscriber
    edition_on: date
    profile: Profile | None = None
    """The profile to score with; None for the stored one."""
    rated: AbstractSet[int] = frozenset()
    """Rows of papers that the subscriber rated, besides the stored ratings."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The papers selected for one subscriber, or why there are none."""

    subscriber: Subscriber
    edition_on: date
    papers_after: date
    papers_through: date
    state: FeedState
    considered: int
    picks: tuple[Pick, ...] = ()

    @property
    def _shortage(self) -> str:
        """Why there are fewer papers than wanted; "" for a subscriber who follows nothing that papers could fit."""
        if not any(pick.section == Section.FOR_YOU for pick in self.picks):
            return ""
        return short_note(len(self.picks), self.subscriber.max_papers, self.considered)

    def compose(
        self,
        imprint: SenderIdentity,
        now: datetime,
        note: str = "",
        kind: Kind = Kind.DIGEST,
        marked: Sequence[tuple[str, str]] = (),
    ) -> ComposedMail:
        """Return the mail, in the subscriber's language. `marked` are titles and ids of papers.

        `note` is the message that says why it has no papers; why it has few is said here.
        """
        with use_language(self.subscriber.language):
            said = gettext(note) if note else self._shortage
            frequency = schedule_in_words(self.subscriber.schedule)
        return ComposedMail(
            kind=kind,
            subscriber_key=self.subscriber.key,
            recipient=self.subscriber.address,
            edition_on=self.edition_on,
            composed_at=now,
            imprint=imprint,
            considered=self.considered,
            about=about(self.subscriber.interests.topics),
            note=said,
            frequency=frequency,
            language=self.subscriber.language,
            layout=self.subscriber.layout,
            marked=tuple((title, abstract_url(paper_id)) for title, paper_id in marked[:MARKED_SHOWN]),
            away_since=self.papers_after if kind == Kind.CATCH_UP else None,
            picks=self.picks,
        )


class Composer:
    """Selects papers for subscribers. Caches candidates between batches. One for all threads of a process."""

    def __init__(
        self, selection_settings: SelectionSettings, second_opinion: SecondOpinion | None = None
    ) -> None:
        """`second_opinion` takes part in the scores; None: TF-IDF alone."""
        self._selection_settings = selection_settings
        self.second_opinion = second_opinion
        self._cache = CandidateCache()
        self._liked = LikedPapers()

    def select(
        self,
        connection: Connection,
        requests: Sequence[Request],
        now: datetime,
        received_before: date | None = None,
    ) -> list[Selection]:
        """Select for each subscriber, with a number of queries that does not depend on how many there are.

        Only papers announced up to `now` are candidates, without those that are in another mail of the
        subscriber and those that the subscriber rated. `received_before` ignores mails of that edition and later
        ones, to show a past day as it was. The order of the result is undefined.
        """
        if not requests:
            return []
        subscriber_ids = [request.subscriber.id for request in requests]
        newest_on = paper_store.newest_announcement(connection, now.date())
        fetches = fetch_store.last_fetches(connection, now)
        newest_of_sources = overview.newest_known(connection, now - _KNOWN_FOR)
        expected_on = newest_expected(newest_on, newest_of_sources)
        profiles = term_store.read_profiles(connection, subscriber_ids)
        profiles |= {one.subscriber.id: one.profile for one in requests if one.profile is not None}
        verdicts = feedback_store.read_feedback(connection, subscriber_ids)
        selections: list[Selection] = []
        for window, subscribers in self._windows(connection, requests, newest_on, now).items():
            state = feed_state(now, window.after, expected_on, fetches, self._selection_settings.holidays)
            known = (profiles.get(one.subscriber.id, NO_PROFILE) for one in subscribers)
            versions = {profile.statistics_version for profile in known if profile.interests}
            # Subscribers without a profile share the candidates of those who have one.
            versions = versions or {term_store.newest_version(connection) or 0}
            candidates = self._cache.candidates(connection, window, versions, now)
            received = pick_store.received(
                connection,
                [one.subscriber.id for one in subscribers],
                candidates.first_row_id,
                received_before,
            )
            seen = {one.subscriber.id: _seen(one, received, verdicts) for one in subscribers}
            picks_of = (
                self._select(connection, candidates, subscribers, profiles, seen)
                if candidates.considered
                else {}
            )
            self._name_liked(connection, candidates, picks_of, profiles, verdicts)
            selections.extend(
                Selection(
                    subscriber=one.subscriber,
                    edition_on=one.edition_on,
                    papers_after=window.after,
                    papers_through=window.through,
                    state=state,
                    considered=candidates.considered,
                    picks=picks_of.get(one.subscriber.id, ()),
                )
                for one in subscribers
            )
        return selections

    def _windows(
        self, connection: Connection, requests: Sequence[Request], newest_on: date | None, now: datetime
    ) -> dict[Window, list[Request]]:
        """Group subscribers by the papers that are new to them."""
        last: dict[int, edition_store.LastEdition] = {}
        for edition_on in {request.edition_on for request in requests}:
            subscriber_ids = [one.subscriber.id for one in requests if one.edition_on == edition_on]
            last |= edition_store.last_editions(connection, subscriber_ids, edition_on)
        first_after = now.date() - timedelta(days=self._selection_settings.first_digest_days)
        oldest_after = now.date() - timedelta(days=self._selection_settings.catch_up_days)
        groups: dict[date, list[Request]] = defaultdict(list)
        seen_after: dict[date, datetime] = {}
        for request in requests:
            stop = last.get(request.subscriber.id)
            after = max(stop.papers_through, oldest_after) if stop else first_after
            groups[after].append(request)
            if stop:
                seen_after[after] = min(stop.settled_at, seen_after.get(after, stop.settled_at))
        return {
            Window(after, max(newest_on or after, after), seen_after.get(after)): subscribers
            for after, subscribers in groups.items()
        }

    def _select(
        self,
        connection: Connection,
        stored: StoredCandidates,
        subscribers: Sequence[Request],
        profiles: Mapping[int, Profile],
        seen: Mapping[int, AbstractSet[int]],
    ) -> dict[int, tuple[Pick, ...]]:
        candidates = stored.candidates
        known = [profiles.get(one.subscriber.id, NO_PROFILE) for one in subscribers]
        scores = self._scorer(connection, stored).score(candidates, known)
        ids = stored.ids
        picks_of: dict[int, tuple[Pick, ...]] = {}
        for row, (one, profile) in enumerate(zip(subscribers, known, strict=True)):
            subscriber = one.subscriber
            ranked_picks = select(
                candidates,
                scores.values[row],
                scores.interests[row],
                self._selection_settings.rules(subscriber),
                {ids[row_id] for row_id in seen[subscriber.id] if row_id in ids},
            )
            keys = [interest_key(interest) for interest in profile.interests]
            picks_of[subscriber.id] = tuple(_pick(stored, profile, keys, ranked) for ranked in ranked_picks)
        return picks_of

    def _scorer(self, connection: Connection, stored: StoredCandidates) -> Scorer:
        return (
            TfidfScorer() if self.second_opinion is None else self.second_opinion.scorer(connection, stored)
        )

    def _name_liked(
        self,
        connection: Connection,
        stored: StoredCandidates,
        picks_of: dict[int, tuple[Pick, ...]],
        profiles: Mapping[int, Profile],
        verdicts: Mapping[int, Sequence[tuple[int, str]]],
    ) -> None:
        """Name a marked paper in the picks that it explains better than their terms do."""
        liked_of = {
            subscriber_id: [row_id for row_id, verdict in rated if verdict == Verdict.MORE][-MOST_LIKED:]
            for subscriber_id, rated in verdicts.items()
            if any(one.reason.is_explained_by_paper for one in picks_of.get(subscriber_id, ()))
        }
        papers = self._liked.read(connection, {row_id for liked in liked_of.values() for row_id in liked})
        index_of = {row_id: index for index, row_id in enumerate(stored.row_ids)}
        for subscriber_id, liked in liked_of.items():
            picks = picks_of[subscriber_id]
            version = profiles[subscriber_id].statistics_version
            rows = stored.candidates.rows[version][[index_of[pick.paper_row_id] for pick in picks]]
            titles = liked_titles(liked, papers, rows, stored.candidates.statistics[version])
            picks_of[subscriber_id] = tuple(
                replace(pick, reason=replace(pick.reason, liked=title))
                if title and pick.reason.is_explained_by_paper
                else pick
                for pick, title in zip(picks, titles, strict=True)
            )


def _seen(
    one: Request, received: Mapping[int, set[int]], verdicts: Mapping[int, Sequence[tuple[int, str]]]
) -> set[int]:
    """Return the rows of papers that a subscriber was sent or has rated."""
    rated = {paper for paper, _ in verdicts.get(one.subscriber.id, ())}
    return received.get(one.subscriber.id, set()) | rated | one.rated


def _pick(stored: StoredCandidates, profile: Profile, keys: Sequence[bytes], ranked: RankedPick) -> Pick:
    card_sha256, card = stored.card(ranked.index)
    if ranked.interest >= 0:
        interest = profile.interests[ranked.interest]
        reason = stored.reasons(profile.statistics_version, interest, keys[ranked.interest], ranked.index)
    else:
        reason = PickReason(author=ranked.author) if ranked.author else NO_REASON
    return Pick(stored.row_ids[ranked.index], card, card_sha256, ranked.section, ranked.score, reason)
