"""Read-only views: what a subscriber would get, how a paper fits, what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from scipy.sparse import csr_matrix

from digest.delivery.build_mail import build_mail
from digest.delivery.composed_mail import ComposedMail, SenderIdentity
from digest.delivery.decisions import NOTES, quiet_reason
from digest.delivery.liked_papers import MOST_LIKED
from digest.delivery.select_papers import Composer, Request, Selection, SelectionSettings
from digest.domain.paper import Paper
from digest.domain.reason_line import is_explained_by_paper, reason_line
from digest.domain.subscriber import Subscriber, Verdict
from digest.errors import NotFound
from digest.mail.message import Message
from digest.mail.rendering import Renderer
from digest.papers.identifiers import canonical_id
from digest.ranking.candidates import Candidates
from digest.ranking.explain import MOST_PHRASES, Reason, closest, reasons
from digest.ranking.naming import Naming
from digest.ranking.scoring import score
from digest.ranking.terms import Statistics, count_terms, unpack_counts
from digest.ranking.typed_words import interest_in_words
from digest.store import delivery_reports
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store import picks as pick_store
from digest.store import terms as term_store
from digest.store.database import Connection
from digest.subscribers.links import Links
from digest.subscribers.preferences import Draft

_MOST_REASONS = 8


def preview(
    connection: Connection,
    composer: Composer,
    subscriber: Subscriber,
    edition_on: date,
    now: datetime,
    draft: Draft | None = None,
) -> Selection:
    """Return what a subscriber would get in an edition, regardless of status and hour. Writes nothing.

    With a draft: what they would get with these unsaved preferences.
    """
    request = Request(subscriber, edition_on)
    if draft is not None:
        request = Request(draft.subscriber, edition_on, draft.profile, draft.rated)
    return composer.select(connection, [request], now, received_before=edition_on)[0]


def preview_mail(
    selection: Selection, imprint: SenderIdentity, links: Links, renderer: Renderer, now: datetime
) -> Message:
    """Return the mail of a previewed selection; without papers, the note that says why."""
    note = "" if selection.picks else NOTES[quiet_reason(selection.considered, selection.state)]
    return build_mail(selection.compose(imprint, now, note), links, renderer)


def read_mail(connection: Connection, delivery_id: int) -> ComposedMail:
    """Return the stored mail of a delivery; `build_mail` makes the same bytes of it again.

    Raises NotFound when none was composed.
    """
    row = delivery_reports.find_one(connection, delivery_id)
    if row is None or row.contents is None:
        raise NotFound(f"Delivery {delivery_id} has no mail to show; see: digest deliveries list")
    picks = pick_store.read_picks(connection, [(row.id, row.subscriber_id)]).get(row.id, [])
    return ComposedMail.from_json(row.contents, picks)


@dataclass(frozen=True, slots=True)
class Explanation:
    """How one paper fits one subscriber."""

    paper: Paper
    score: float
    floor: float
    interest: str
    """The name of the interest that fits best; empty when the subscriber has none."""
    reasons: tuple[Reason, ...]
    reason: str
    """The sentence that a digest would say; empty when no interest fits."""
    closest: tuple[str, float] | None
    """The one liked paper it is close to: title and cosine similarity. None if no single one stands out."""
    obstacles: tuple[str, ...]
    """The subscriber's own rules that exclude it, in words."""
    received_on: date | None
    """The edition that contained it; None if none did."""


def explain(
    connection: Connection, selection_settings: SelectionSettings, subscriber: Subscriber, paper_id: str
) -> Explanation:
    """Return how a stored paper fits a subscriber. Raises BadInput or NotFound for the paper."""
    canonical = canonical_id(paper_id)
    stored = paper_store.find_by_paper_ids(connection, [canonical]).get(canonical)
    if stored is None:
        raise NotFound(f"There is no paper {canonical} here; fetch or import it first.")
    profile = term_store.read_profiles(connection, [subscriber.id]).get(subscriber.id)
    version = profile.statistics_version if profile else 0
    statistics = term_store.read_statistics(connection, version)
    counts = unpack_counts(list(paper_store.read_terms(connection, [stored.row_id]).values()))
    row = statistics.weigh(counts)
    value, interest = 0.0, ""
    why: tuple[Reason, ...] = ()
    if profile is not None:
        scores = score([profile], row)
        value, best = float(scores.values[0, 0]), int(scores.interests[0, 0])
        if best >= 0:
            interest = profile.interests[best].name
            naming = Naming(stored.paper.title, stored.paper.abstract, statistics)
            why = reasons(profile.interests[best], (row.indices, row.data), naming, statistics, _MOST_REASONS)
    near = _closest_liked(connection, subscriber, stored.row_id, row, statistics)
    return Explanation(
        paper=stored.paper,
        score=value,
        floor=selection_settings.score_floor,
        interest=interest,
        reasons=why,
        reason=_line(interest, why, near[0] if near else ""),
        closest=near,
        obstacles=_obstacles(subscriber, stored.paper),
        received_on=pick_store.received_on(connection, subscriber.id, stored.row_id),
    )


def _closest_liked(
    connection: Connection, subscriber: Subscriber, row_id: int, row: csr_matrix, statistics: Statistics
) -> tuple[str, float] | None:
    """Return title and cosine similarity of the one marked paper that is close to a paper."""
    said = feedback_store.read_feedback(connection, [subscriber.id]).get(subscriber.id, [])
    liked = [paper for paper, verdict in said if verdict == Verdict.MORE and paper != row_id][-MOST_LIKED:]
    blobs = paper_store.read_terms(connection, liked)
    found = closest(row, statistics.weigh(unpack_counts(list(blobs.values()))))
    if found is None:
        return None
    near = list(blobs)[found[0]]
    return paper_store.find_by_row_ids(connection, [near])[near].paper.title, found[1]


def _line(interest: str, why: Sequence[Reason], liked: str) -> str:
    """Return the reason as the digest words it, with as many terms."""
    if not interest:
        return ""
    is_typed = bool(why) and why[0].is_typed
    terms = [(one.term, one.share) for one in why[: MOST_PHRASES + is_typed]]
    name = interest_in_words(interest)
    liked = liked if is_explained_by_paper(name, terms) else ""
    return reason_line(name, terms, is_typed=is_typed, liked=liked)


def _obstacles(subscriber: Subscriber, paper: Paper) -> tuple[str, ...]:
    counts = count_terms([(paper.title, paper.abstract)])
    candidates = Candidates.build([paper], counts, [], np.zeros(1, np.float32))
    asked = subscriber.interests
    found: list[str] = []
    if paper.withdrawn:
        found.append("it was withdrawn")
    for word in asked.must:
        held = candidates.holding(word)
        if held is not None and not held[0]:
            found.append(f"it must mention {word!r}")
    for word in asked.mute:
        held = candidates.holding(word)
        if held is not None and held[0]:
            found.append(f"it mentions the muted {word!r}")
    if asked.categories and not any(candidates.within(category)[0] for category in asked.categories):
        found.append(f"it is in none of {', '.join(asked.categories)}")
    return tuple(found)
