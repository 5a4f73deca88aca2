"""What each reader of a batch gets: gather with a few queries, then decide for each by itself."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from digest.delivery.editions import Edition, Editions, Window, interest_key
from digest.delivery.freshness import FeedState, feed_state
from digest.delivery.letters import Chosen, Contents, Imprint, about, rhythm_in_words
from digest.ranking.profile import Profile
from digest.ranking.select import FLOOR, Choice, Rules, choose
from digest.readers.profiles import NO_PROFILE
from digest.readers.subscriber import Subscriber
from digest.store import deliveries as ledger
from digest.store import fetches as fetch_store
from digest.store import papers as paper_store
from digest.store import readers as reader_store
from digest.store import terms as term_store
from digest.store.database import Connection


@dataclass(frozen=True, slots=True)
class Choosing:
    """How papers are chosen, the same for all readers of an installation."""

    for_you: int = 7
    trending: int = 3
    score_floor: float = FLOOR
    first_digest_days: int = 7
    catch_up_days: int = 14
    holidays: frozenset[date] = frozenset()

    def rules(self, subscriber: Subscriber) -> Rules:
        """Return what holds for one reader."""
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
    """One reader's digest of one edition, to be chosen."""

    subscriber: Subscriber
    edition_on: date
    profile: Profile | None = None
    """What to choose by; None for the profile that is stored."""
    marked: AbstractSet[int] = frozenset()
    """Papers, by row number, that they gave a verdict on beside those that are stored."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen for one reader, or why nothing was."""

    subscriber: Subscriber
    edition_on: date
    papers_after: date
    papers_through: date
    state: FeedState
    considered: int
    picks: tuple[Chosen, ...] = ()
    card_keys: tuple[str, ...] = ()
    """The fingerprint of each pick's card."""

    def contents(self, imprint: Imprint, now: datetime, note: str = "") -> Contents:
        """Return what the mail says beside its papers."""
        return Contents(
            kind="digest",
            reader=self.subscriber.key,
            recipient=self.subscriber.address,
            edition_on=self.edition_on,
            composed_at=now,
            imprint=imprint,
            considered=self.considered,
            about=about(self.subscriber.interests.topics),
            note=note,
            frequency=rhythm_in_words(self.subscriber.rhythm),
        )


class Composer:
    """Chooses papers for readers. Keeps editions between batches; one a process, for all its threads."""

    def __init__(self, choosing: Choosing) -> None:
        self._choosing = choosing
        self._editions = Editions()

    def select(
        self,
        connection: Connection,
        requests: Sequence[Request],
        now: datetime,
        received_before: date | None = None,
    ) -> list[Selection]:
        """Choose for each reader; a fixed number of queries, however many readers. In no particular order.

        Looks at papers announced up to `now` only, and never chooses one that is in another mail of the
        reader or that they gave a verdict on. `received_before` disregards mails of that edition and later
        ones, to look back at a day as it was.
        """
        if not requests:
            return []
        numbers = [request.subscriber.id for request in requests]
        newest_on = paper_store.newest_announcement(connection, now.date())
        fetches = fetch_store.last_fetches(connection, now)
        profiles = term_store.read_profiles(connection, numbers)
        profiles |= {one.subscriber.id: one.profile for one in requests if one.profile is not None}
        verdicts = reader_store.read_feedback(connection, numbers)
        selections: list[Selection] = []
        for window, readers in self._windows(connection, requests, newest_on, now).items():
            state = feed_state(now, window.after, newest_on, fetches, self._choosing.holidays)
            known = (profiles.get(one.subscriber.id, NO_PROFILE) for one in readers)
            versions = {profile.statistics_version for profile in known if profile.interests}
            # Who told us nothing shares the papers, as they are now weighed, of those who did.
            versions = versions or {term_store.newest_version(connection) or 0}
            edition = self._editions.edition(connection, window, versions, now)
            received = ledger.received(
                connection, [one.subscriber.id for one in readers], edition.first_number, received_before
            )
            seen = {
                one.subscriber.id: received.get(one.subscriber.id, set())
                | {paper for paper, _ in verdicts.get(one.subscriber.id, [])}
                | one.marked
                for one in readers
            }
            chosen = self._choose(edition, readers, profiles, seen) if edition.considered else {}
            for one in readers:
                picks = chosen.get(one.subscriber.id, [])
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
        """Group readers by the papers that are new to them."""
        last: dict[int, ledger.LastEdition] = {}
        for edition_on in {request.edition_on for request in requests}:
            numbers = [one.subscriber.id for one in requests if one.edition_on == edition_on]
            last |= ledger.last_editions(connection, numbers, edition_on)
        first_after = now.date() - timedelta(days=self._choosing.first_digest_days)
        oldest_after = now.date() - timedelta(days=self._choosing.catch_up_days)
        groups: dict[date, list[Request]] = defaultdict(list)
        seen_after: dict[date, datetime] = {}
        for request in requests:
            stop = last.get(request.subscriber.id)
            after = max(stop.papers_through, oldest_after) if stop else first_after
            groups[after].append(request)
            if stop:
                seen_after[after] = min(stop.settled_at, seen_after.get(after, stop.settled_at))
        return {
            Window(after, max(newest_on or after, after), seen_after.get(after)): readers
            for after, readers in groups.items()
        }

    def _choose(
        self,
        edition: Edition,
        readers: Sequence[Request],
        profiles: Mapping[int, Profile],
        seen: Mapping[int, AbstractSet[int]],
    ) -> dict[int, list[tuple[str, Chosen]]]:
        shelf = edition.shelf
        known = [profiles.get(one.subscriber.id, NO_PROFILE) for one in readers]
        scores = shelf.score(known)
        ids = edition.ids
        chosen: dict[int, list[tuple[str, Chosen]]] = {}
        for row, (one, profile) in enumerate(zip(readers, known, strict=True)):
            subscriber = one.subscriber
            choices = choose(
                shelf,
                scores.values[row],
                scores.interests[row],
                self._choosing.rules(subscriber),
                {ids[number] for number in seen[subscriber.id] if number in ids},
            )
            keys = [interest_key(interest) for interest in profile.interests]
            chosen[subscriber.id] = [_chosen(edition, profile, keys, choice) for choice in choices]
        return chosen


def _chosen(edition: Edition, profile: Profile, keys: Sequence[bytes], choice: Choice) -> tuple[str, Chosen]:
    key, card = edition.card(choice.place)
    terms: tuple[tuple[str, float], ...] = ()
    if choice.interest >= 0:
        terms = edition.reasons(
            profile.statistics_version,
            profile.interests[choice.interest],
            keys[choice.interest],
            choice.place,
        )
    number = edition.numbers[choice.place]
    return key, Chosen(number, card, choice.section, choice.score, terms, choice.author)
