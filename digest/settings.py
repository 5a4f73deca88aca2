"""The settings, read once from the environment and `.env`, then passed on; they are immutable.

Every field is an environment variable `DIGEST_<NAME>`; its description is the help that
`digest settings` prints. Secrets are masked in every representation.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from digest.domain.categories import known_category
from digest.errors import BadInput

_LIMIT = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")
# Greedy: a password may contain an @.
_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#\s]*@")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
# The key that is added after a + needs 27 of the 64 characters before the @.
_MAILBOX = re.compile(r"[A-Za-z0-9._-]{1,37}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,200}[A-Za-z0-9])?")
SOURCE_NAMES = ("huggingface", "arxiv", "arxiv-oai", "arxiv-api", "sample")


def _split_words(value: object) -> object:
    """Read a list that is written as `a,b c`."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


_SPAN = re.compile(r"(?P<number>[0-9]{1,6}(?:\.[0-9]{1,6})?)\s*(?P<unit>[smhd]?)")
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def _read_span(value: object) -> object:
    """Read a time span like `30s`, `5m`, `20h` or `2d`; a bare number means seconds."""
    if not isinstance(value, str):
        return value
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        raise ValueError("write a time like 30s, 5m, 20h or 2d")
    return _UNITS[match["unit"] or "s"] * float(match["number"])


WordList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_words)]
Span = Annotated[timedelta, BeforeValidator(_read_span)]


def as_written(value: object) -> str:
    """Return a value as it is written in the environment; secrets, and users in URLs, are masked."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(as_written(one) for one in value)
    if isinstance(value, timedelta):
        unit = next((unit for unit, length in _UNITS.items() if value >= length and not value % length), "s")
        return f"{value / _UNITS[unit]:g}{unit}"
    return _USER_INFO.sub(r"\1***@", str(value))


class Settings(BaseSettings):
    """All settings. The defaults suit one person on a laptop."""

    model_config = SettingsConfigDict(
        env_prefix="DIGEST_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: SecretStr = Field(
        SecretStr("sqlite:///digest.db"),
        description="The database: sqlite:///FILE or postgresql://user:password@host/name.",
    )
    broker_url: SecretStr | None = Field(
        None,
        description="Redis for the Celery workers: redis://host:6379/0. Without it, one process does all.",
    )
    mail_url: SecretStr = Field(
        SecretStr("maildir:outbox"),
        description="How mail is sent: maildir:DIR, file:DIR (.eml files), smtp://user:password@host:587, "
        "smtps://user:password@host:465, console: (standard output), memory: (nowhere).",
    )
    base_url: str = Field(
        "http://localhost:8000",
        description="The public address of the web pages; every link in a mail starts with it.",
    )
    sender: str = Field(
        "Trending papers <digest@localhost>", description="The From of every mail, as Name <address>."
    )
    return_path: str = Field(
        "",
        description="The address that bounces go to, as local@domain; each mail gets one of its own, local+KEY@domain. "
        "Empty: the sender's.",
    )
    ehlo_name: str = Field(
        "", description="The host name for EHLO to the mail server. Empty: the host of DIGEST_BASE_URL."
    )
    dkim_keys: WordList = Field(
        (),
        description="Keys that sign mails (DKIM), each as domain:selector:file; `digest dkim keygen` makes one.",
    )
    inbound_url: SecretStr | None = Field(
        None,
        description="Where mail that comes in is read, each minute: maildir:DIR, mbox:FILE, "
        "imaps://user:password@host/INBOX. Empty: nowhere.",
    )
    webhook_ses: str = Field(
        "",
        description="ARN of the SNS topic whose events of Amazon SES are accepted at /webhooks/ses. Empty: none.",
    )
    webhook_mailgun: SecretStr | None = Field(
        None, description="Signing key of Mailgun for /webhooks/mailgun. Empty: no such page."
    )
    webhook_sendgrid: str = Field(
        "", description="Public verification key of SendGrid for /webhooks/sendgrid. Empty: no such page."
    )
    webhook_postmark: SecretStr | None = Field(
        None,
        description="User and password, as user:password, that Postmark gives to /webhooks/postmark. Empty: no such page.",
    )
    operator: str = Field(
        "",
        description="Who is responsible for the list (in the footer of each mail), as Name <address> to get the replies "
        "of subscribers; empty: the sender.",
    )
    postal_address: str = Field(
        "", description="Printed in the footer of each mail, where the law requires one."
    )
    list_id: str = Field(
        "",
        description="List-Id domain (RFC 2919); never change it. Empty: `papers.` and the sender's domain.",
    )
    secret_key: SecretStr | None = Field(
        None, description="Signs the links in mails. Empty: a key is generated and stored in the database."
    )
    sources: WordList = Field(
        ("huggingface", "arxiv"), description=f"Feeds to fetch, of: {', '.join(SOURCE_NAMES)}."
    )
    arxiv_categories: WordList = Field(
        ("cs.AI", "cs.CL", "cs.CV", "cs.LG", "stat.ML"), description="arXiv categories to read."
    )
    huggingface_url: str = Field("https://huggingface.co", description="The address of Hugging Face.")
    arxiv_rss_url: str = Field(
        "https://rss.arxiv.org", description="The address of arXiv's RSS and Atom feeds."
    )
    arxiv_oai_url: str = Field(
        "https://oaipmh.arxiv.org/oai", description="The base address of arXiv's OAI-PMH interface."
    )
    arxiv_api_url: str = Field(
        "https://export.arxiv.org/api/query", description="The address of arXiv's search API."
    )
    orcid_url: str = Field(
        "https://pub.orcid.org/v3.0",
        description="The address of ORCID's public API, for the works of a subscriber.",
    )
    contact: str = Field(
        "",
        description="A mail address or page in the User-Agent, so that the operator of a feed can contact you.",
    )
    arxiv_pause: Span = Field(
        timedelta(seconds=3),
        description="The least time between two requests to arXiv; its terms ask for 3 s.",
    )
    fetch_timeout: Span = Field(
        timedelta(seconds=30), gt=timedelta(0), description="How long to wait for an answer of a feed."
    )
    fetch_tries: int = Field(
        4,
        ge=1,
        le=10,
        description="How many times a request to a busy or silent feed is made, with growing pauses.",
    )
    fetch_limit_mb: int = Field(25, ge=1, description="The largest accepted answer of a feed, in MB.")
    summary_url: str = Field(
        "",
        description="A service with OpenAI's chat interface, such as http://localhost:11434/v1, that writes the "
        "sentence of a paper. Empty: the feed's sentence, or the best one of the abstract.",
    )
    summary_model: str = Field("gpt-4o-mini", description="The model of the summary service.")
    summary_key: SecretStr = Field(
        SecretStr(""), description="The key of the summary service, if it needs one."
    )
    summary_timeout: Span = Field(
        timedelta(seconds=20),
        gt=timedelta(0),
        description="How long to wait for an answer of the summary service.",
    )
    summary_budget: int = Field(500, ge=0, description="Calls of the summary service in a day at most.")
    holidays: WordList = Field(
        (),
        description="Further days (YYYY-MM-DD) without an arXiv announcement, beside those that arXiv lists for this year.",
    )
    quiet_day: Literal["skip", "note"] = Field(
        "skip",
        description="When a subscriber has no papers: send nothing (skip), or a short note that says why (note).",
    )
    for_you: int = Field(7, ge=0, le=50, description="Personal picks in a mail of ten papers.")
    trending: int = Field(3, ge=0, le=50, description="Trending papers in a mail of ten papers.")
    score_floor: float = Field(0.17, ge=0, le=1, description="The lowest score of a personal pick.")
    dense_model: Path | None = Field(
        None,
        description="A folder with model.onnx and tokenizer.json: a sentence-embedding model that takes part in the order "
        "of papers. Needs the extra [dense]; unset: TF-IDF alone.",
    )
    first_digest_days: int = Field(
        7, ge=1, le=31, description="How many days back a subscriber's first digest reaches."
    )
    catch_up_days: int = Field(
        14, ge=1, le=31, description="How many days back a digest reaches at most, such as after a pause."
    )
    stale_after: Span = Field(
        timedelta(hours=20),
        description="A digest not sent within this time after it was due is cancelled; its papers stay available.",
    )
    late_feed_wait: Span = Field(timedelta(hours=6), description="How long a digest waits for a late feed.")
    batch_size: int = Field(500, ge=1, le=5000, description="How many digests are composed together.")
    lease: Span = Field(
        timedelta(minutes=15),
        ge=timedelta(seconds=2),
        le=timedelta(hours=1),
        description="How long a worker may hold a batch; then another worker takes it over, such as after a crash.",
    )
    mail_limits: WordList = Field(
        (),
        description="Limits of the mail provider, such as 14/second,50000/day, for all workers together.",
    )

    alarm: SecretStr | None = Field(
        None,
        description="Who is told when something turns bad, and when it is good again: mailto:ADDRESS, a webhook https://..., "
        "or a command. Empty: nobody.",
    )
    heartbeat_url: SecretStr | None = Field(
        None,
        description="An address that is called after each good daily run, so that a service such as healthchecks.io "
        "notices when there is none. Empty: none.",
    )
    operator_page: bool = Field(
        False,
        description="Serve the page of `digest status --html` at a secret link; `digest operator-link` prints it.",
    )
    keep_contents: Span = Field(
        timedelta(days=90),
        ge=timedelta(days=31),
        description="How long sent mails can be shown again; then only the ids of their papers are kept.",
    )
    keep_deliveries: Span = Field(
        timedelta(days=365),
        ge=timedelta(days=92),
        description="How long the ledger has a row for each mail; then only counts by edition are kept.",
    )
    keep_popularity: Span = Field(
        timedelta(days=14),
        ge=timedelta(days=14),
        description="How long all votes that were read are kept; then one count for each paper and day, and after "
        "DIGEST_KEEP_CONTENTS the newest of each paper.",
    )

    @field_validator("return_path")
    @classmethod
    def _plain_mailbox(cls, value: str) -> str:
        if value and not _MAILBOX.fullmatch(value):
            raise ValueError("write an address without a name and without +, like bounces@papers.example.org")
        return value

    @field_validator("ehlo_name")
    @classmethod
    def _host_name(cls, value: str) -> str:
        if value and not _HOST.fullmatch(value):
            raise ValueError("write a host name, like mail.example.org")
        return value

    @field_validator("heartbeat_url")
    @classmethod
    def _callable_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            cls._web_address(value.get_secret_value())
        return value

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in SOURCE_NAMES]
        if unknown:
            raise ValueError(f"there is no feed {unknown[0]!r}; choose from {', '.join(SOURCE_NAMES)}")
        return value

    @field_validator("arxiv_categories")
    @classmethod
    def _known_categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(map(known_category, value))
        except BadInput as error:
            raise ValueError(str(error).rstrip(".")) from None

    @field_validator("mail_limits")
    @classmethod
    def _mail_limits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [limit for limit in value if not _LIMIT.fullmatch(limit)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not a limit; write it like 14/second or 50000/day")
        return value

    @field_validator(
        "base_url", "huggingface_url", "arxiv_rss_url", "arxiv_oai_url", "arxiv_api_url", "orcid_url"
    )
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")


def read_settings() -> Settings:
    """Read the environment and `.env`. Raises BadInput naming the first setting that cannot be used."""
    try:
        return Settings()
    except (UnicodeDecodeError, OSError):
        raise BadInput("The file .env cannot be read; it must be plain UTF-8 text.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        reason = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"DIGEST_{name}: {reason}.") from None
