"""What each subscriber of a batch gets: gather with a few queries, then decide for each by itself."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from digest.delivery.candidates import CandidateCache, StoredCandidates, Window, interest_key
from digest.delivery.composed_mail import ComposedMail, Pick, SenderIdentity, about, schedule_in_words
from digest.delivery.feed_state import FeedState, feed_state
from digest.delivery.liked import MOST_LIKED, LikedPapers, liked_titles
from digest.delivery.reason_line import interest_in_words, is_explained_by_paper
from digest.domain.subscriber import Subscriber
from digest.ranking.profile import NO_PROFILE, Profile
from digest.ranking.select import FLOOR, RankedPick, Rules, select
from digest.store import editions as edition_store
from digest.store import feedback as feedback_store
from digest.store import fetches as fetch_store
from digest.store import papers as paper_store
from digest.store import picks as pick_store
from digest.store import terms as term_store
from digest.store.database import Connection


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """How papers are chosen, the same for all subscribers of an installation."""

    for_you: int = 7
    trending: int = 3
    score_floor: float = FLOOR
    first_digest_days: int = 7
    catch_up_days: int = 14
    holidays: frozenset[date] = frozenset()

    def rules(self, subscriber: Subscriber) -> Rules:
        """Return what holds for one subscriber."""
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
    """One subscriber's digest of one edition, to be chosen."""

    subscriber: Subscriber
    edition_on: date
    profile: Profile | None = None
    """What to choose by; None for the profile that is stored."""
    rated: AbstractSet[int] = frozenset()
    """Papers, by row number, that they gave a verdict on beside those that are stored."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen for one subscriber, or why nothing was."""

    subscriber: Subscriber
    edition_on: date
    papers_after: date
    papers_through: date
    state: FeedState
    considered: int
    picks: tuple[Pick, ...] = ()
    card_keys: tuple[str, ...] = ()
    """The fingerprint of each pick's card."""

    def contents(self, imprint: SenderIdentity, now: datetime, note: str = "") -> ComposedMail:
        """Return what the mail says beside its papers."""
        return ComposedMail(
            kind="digest",
            subscriber_key=self.subscriber.key,
            recipient=self.subscriber.address,
            edition_on=self.edition_on,
            composed_at=now,
            imprint=imprint,
            considered=self.considered,
            about=about(self.subscriber.interests.topics),
            note=note,
            frequency=schedule_in_words(self.subscriber.schedule),
        )


class Composer:
    """Chooses papers for subscribers. Keeps editions between batches; one a process, for all its threads."""

    def __init__(self, selection_settings: SelectionSettings) -> None:
        self._selection_settings = selection_settings
        self._editions = CandidateCache()
        self._liked = LikedPapers()

    def select(
        self,
        connection: Connection,
        requests: Sequence[Request],
        now: datetime,
        received_before: date | None = None,
    ) -> list[Selection]:
        """Choose for each subscriber; a fixed number of queries, however many subscribers. In no particular order.

        Looks at papers announced up to `now` only, and never chooses one that is in another mail of the
        subscriber or that they gave a verdict on. `received_before` disregards mails of that edition and later
        ones, to look back at a day as it was.
        """
        if not requests:
            return []
        subscriber_ids = [request.subscriber.id for request in requests]
        newest_on = paper_store.newest_announcement(connection, now.date())
        fetches = fetch_store.last_fetches(connection, now)
        profiles = term_store.read_profiles(connection, subscriber_ids)
        profiles |= {one.subscriber.id: one.profile for one in requests if one.profile is not None}
        verdicts = feedback_store.read_feedback(connection, subscriber_ids)
        selections: list[Selection] = []
        for window, subscribers in self._windows(connection, requests, newest_on, now).items():
            state = feed_state(now, window.after, newest_on, fetches, self._selection_settings.holidays)
            known = (profiles.get(one.subscriber.id, NO_PROFILE) for one in subscribers)
            versions = {profile.statistics_version for profile in known if profile.interests}
            # Who told us nothing shares the papers, as they are now weighed, of those who did.
            versions = versions or {term_store.newest_version(connection) or 0}
            edition = self._editions.edition(connection, window, versions, now)
            received = pick_store.received(
                connection, [one.subscriber.id for one in subscribers], edition.first_row_id, received_before
            )
            seen = {
                one.subscriber.id: received.get(one.subscriber.id, set())
                | {paper for paper, _ in verdicts.get(one.subscriber.id, [])}
                | one.rated
                for one in subscribers
            }
            picks_of = self._select(edition, subscribers, profiles, seen) if edition.considered else {}
            self._name_liked(connection, edition, picks_of, profiles, verdicts)
            for one in subscribers:
                picks = picks_of.get(one.subscriber.id, [])
                selections.append(
                    Selection(
                        subscriber=one.subscriber,
                        edition_on=one.edition_on,
                        papers_after=window.after,
                        papers_through=window.through,
                        state=state,
                        considered=edition.considered,
                        picks=tuple(pick for _, pick in picks),
                        card_keys=tuple(key for key, _ in picks),
                    )
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
        edition: StoredCandidates,
        subscribers: Sequence[Request],
        profiles: Mapping[int, Profile],
        seen: Mapping[int, AbstractSet[int]],
    ) -> dict[int, list[tuple[str, Pick]]]:
        candidates = edition.candidates
        known = [profiles.get(one.subscriber.id, NO_PROFILE) for one in subscribers]
        scores = candidates.score(known)
        ids = edition.ids
        picks_of: dict[int, list[tuple[str, Pick]]] = {}
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
            picks_of[subscriber.id] = [_pick(edition, profile, keys, ranked) for ranked in ranked_picks]
        return picks_of

    def _name_liked(
        self,
        connection: Connection,
        edition: StoredCandidates,
        picks_of: Mapping[int, list[tuple[str, Pick]]],
        profiles: Mapping[int, Profile],
        verdicts: Mapping[int, Sequence[tuple[int, str]]],
    ) -> None:
        """Name a marked paper in the picks that terms explain less than it does."""
        liked_of = {
            subscriber_id: [row_id for row_id, verdict in said if verdict == "more"][-MOST_LIKED:]
            for subscriber_id, said in verdicts.items()
            if any(
                is_explained_by_paper(pick.interest, pick.terms)
                for _, pick in picks_of.get(subscriber_id, ())
            )
        }
        papers = self._liked.read(connection, {row_id for liked in liked_of.values() for row_id in liked})
        index_of = {row_id: index for index, row_id in enumerate(edition.row_ids)}
        for subscriber_id, liked in liked_of.items():
            picks = picks_of[subscriber_id]
            version = profiles[subscriber_id].statistics_version
            rows = edition.candidates.rows[version][[index_of[pick.row_id] for _, pick in picks]]
            titles = liked_titles(liked, papers, rows, edition.candidates.statistics[version])
            picks[:] = [
                (
                    key,
                    replace(pick, liked=title) if is_explained_by_paper(pick.interest, pick.terms) else pick,
                )
                for (key, pick), title in zip(picks, titles, strict=True)
            ]


def _pick(
    edition: StoredCandidates, profile: Profile, keys: Sequence[bytes], ranked: RankedPick
) -> tuple[str, Pick]:
    key, card = edition.card(ranked.index)
    pick = Pick(edition.row_ids[ranked.index], card, ranked.section, ranked.score, author=ranked.author)
    if ranked.interest < 0:
        return key, pick
    interest = profile.interests[ranked.interest]
    named = edition.reasons(profile.statistics_version, interest, keys[ranked.interest], ranked.index)
    name = interest_in_words(interest.name)
    return key, replace(pick, terms=named.terms, is_typed=named.is_typed, interest=name)
