"""The facts of `digest status` as lines of text. Pure functions."""

from digest.cli import output
from digest.doctor.database import in_words
from digest.status.curves import curves_of
from digest.status.facts import Facts
from digest.status.judge import freshness, last_edition, reason_in_words
from digest.status.next_ticks import next_ticks
from digest.text.formatting import counted

_INBOUND_HINTS = {
    "alarmed": ": receiving servers refuse our mail by their policy; see: digest bounces list",
    "paused": ": mailboxes that stay full; see: digest bounces list",
}
"""What the operator has to do about mail that came back."""


def summary_lines(facts: Facts) -> list[tuple[str, str]]:
    """Return the facts as (name, text), one line each."""
    newest = f", the newest of {facts.newest_on}" if facts.newest_on else ""
    lines = [
        ("papers", f"{facts.papers:,}{newest}"),
        ("feeds", _feeds(facts)),
        ("subscribers", _subscribers(facts)),
        ("last edition", _edition(facts)),
        ("queue", _queue(facts)),
        ("sending", _sending(facts)),
        ("returned", _returned(facts)),
    ]
    for (kind, outcome), count in sorted(facts.server.inbound.items()):
        hint = _INBOUND_HINTS.get(outcome, "")
        lines.append(("inbound", f"{count:,} of kind {kind.replace('_', ' ')}, {outcome}, in 24 hours{hint}"))
    lines.append(("next", _next(facts)))
    return lines


def _feeds(facts: Facts) -> str:
    return ", ".join(f"{feed.source} {freshness(feed, facts.calendar, facts.at)}" for feed in facts.feeds)


def _subscribers(facts: Facts) -> str:
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(facts.subscribers.items()))
    if not counts:
        return "none"
    waiting = facts.profiles_waiting
    rebuilt = f"; {counted(waiting, 'profile')} to be rebuilt" if waiting else ""
    return f"{counts}; {curves_of(facts).gained:+,} in 30 days{rebuilt}"


def _edition(facts: Facts) -> str:
    found = last_edition(facts.ledger, facts.at)
    if found is None:
        return "none in the last seven days"
    day, states, reasons = found
    parts = [f"{states.total():,} planned", f"{states['sent']:,} sent"]
    # A planned digest without a reason waits for its first attempt.
    parts += [f"{count:,} {reason_in_words(reason)}" for reason, count in reasons.most_common()]
    return f"{day}: {', '.join(parts)}"


def _queue(facts: Facts) -> str:
    queue = facts.ledger.queue
    if not queue.open:
        return "empty"
    age = (
        f", the oldest overdue for {in_words(facts.at - queue.overdue_since)}" if queue.overdue_since else ""
    )
    retries = f", {queue.to_retry:,} to be tried again" if queue.to_retry else ""
    return f"{counted(queue.open, 'delivery')}, {queue.overdue:,} ready{age}{retries}"


def _sending(facts: Facts) -> str:
    server = facts.server
    pace = server.pace.at(facts.at) if server.pace else None
    parts = [f"{facts.ledger.per_minute:,.0f} mails per minute"]
    parts.append(f"limits {', '.join(server.limits)}" if server.limits else "no limit set")
    if pace is not None:
        parts.append(f"slowed down to {pace:.2g} per second by the provider")
    parts.append(f"{counted(len(server.circuits), 'circuit')} open" if server.circuits else "no circuit open")
    return ", ".join(parts)


def _returned(facts: Facts) -> str:
    answers = facts.server.answers
    return (
        f"bounces {answers.bounce_rate:.1%} (limit 5%), complaints {answers.complaint_rate:.2%} (limit 0.3%) "
        f"of {counted(answers.mails, 'mail')} in 7 days"
    )


def _next(facts: Facts) -> str:
    said = [f"{tick.what} {output.cell(tick.at)}" for tick in next_ticks(facts) if tick.at is not None]
    if facts.next_due_at is None and facts.subscribers:
        said.append("digest at the next run")
    return ", ".join(said) + " (UTC)"
