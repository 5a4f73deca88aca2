"""The settings, read once from the environment and `.env`, then passed on; they are immutable.

Every field is an environment variable `DIGEST_<NAME>`; its description is the help that
`digest settings` prints. Secrets are masked in every representation.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from digest.domain.feed_fields import parse_fields
from digest.errors import BadInput
from digest.logs import LogFormat, LogLevel
from digest.setting_types import (
    SOURCE_NAMES,
    CategoryList,
    ChatList,
    FeedList,
    HostAndPort,
    HostName,
    LimitList,
    PlainMailbox,
    SecretWebAddress,
    Span,
    WebAddress,
    WordList,
    feed_addresses,
    known_sources,
)  # fmt: skip


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
    base_url: WebAddress = Field(
        "http://localhost:8000",
        description="The public address of the web pages; every link in a mail starts with it.",
    )
    sender: str = Field(
        "Trending papers <digest@localhost>", description="The From of every mail, as Name <address>."
    )
    return_path: PlainMailbox = Field(
        "",
        description="The address that bounces go to, as local@domain; each mail gets one of its own, local+KEY@domain. "
        "Empty: the sender's.",
    )
    ehlo_name: HostName = Field(
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
    rss_feeds: FeedList = Field(
        (),
        description="RSS and Atom feeds of journals and blogs, each as name=address; "
        "`rss` in DIGEST_SOURCES reads them all.",
    )
    rss_fields: WordList = Field(
        (),
        description="Elements of these feeds that hold the title, authors, abstract, date, doi or category where they are "
        "unusual, each as name.field=element, and name.separator for authors, such as nature.authors=dc:creator.",
    )
    openalex_filter: str = Field(
        "",
        description="Which works to read from OpenAlex, in its form: topics, fields or journals, such as "
        "primary_topic.field.id:28,type:article or primary_location.source.issn:0028-0836|1476-4687.",
    )
    openalex_key: SecretStr = Field(
        SecretStr(""),
        description="A key of OpenAlex, which is free; without it, few requests a day are allowed.",
    )
    sources: WordList = Field(
        ("huggingface", "arxiv"), description=f"Feeds to fetch, of: {', '.join(SOURCE_NAMES)}."
    )
    arxiv_categories: CategoryList = Field(
        ("cs.AI", "cs.CL", "cs.CV", "cs.LG", "stat.ML"), description="arXiv categories to read."
    )
    huggingface_url: WebAddress = Field("https://huggingface.co", description="The address of Hugging Face.")
    arxiv_rss_url: WebAddress = Field(
        "https://rss.arxiv.org", description="The address of arXiv's RSS and Atom feeds."
    )
    arxiv_oai_url: WebAddress = Field(
        "https://oaipmh.arxiv.org/oai", description="The base address of arXiv's OAI-PMH interface."
    )
    arxiv_api_url: WebAddress = Field(
        "https://export.arxiv.org/api/query", description="The address of arXiv's search API."
    )
    biorxiv_url: WebAddress = Field(
        "https://api.biorxiv.org", description="The address of the API of bioRxiv and medRxiv."
    )
    openalex_url: WebAddress = Field("https://api.openalex.org", description="The address of OpenAlex.")
    orcid_url: WebAddress = Field(
        "https://pub.orcid.org/v3.0",
        description="The address of ORCID's public API, for the works of a subscriber.",
    )
    zotero_url: WebAddress = Field(
        "https://api.zotero.org",
        description="The address of Zotero's Web API, for the library of a subscriber.",
    )
    contact: str = Field(
        "",
        description="A mail address or page in the User-Agent, so that the operator of a feed can contact you.",
    )
    arxiv_pause: Span = Field(
        timedelta(seconds=3),
        description="The least time between two requests to arXiv; its terms ask for 3 s.",
    )
    fetch_pause: Span = Field(
        timedelta(seconds=1), description="The least time between two requests to one other feed."
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
    mail_limits: LimitList = Field(
        (),
        description="Limits of the mail provider, such as 14/second,50000/day, for all workers together.",
    )

    alarm: SecretStr | None = Field(
        None,
        description="Who is told when something turns bad, and when it is good again: mailto:ADDRESS, a webhook https://..., "
        "or a command. Empty: nobody.",
    )
    heartbeat_url: SecretWebAddress | None = Field(
        None,
        description="An address that is called after each good daily run, so that a service such as healthchecks.io "
        "notices when there is none. Empty: none.",
    )
    operator_page: bool = Field(
        False,
        description="Serve the page of `digest status --html` at a secret link; `digest operator-link` prints it.",
    )
    metrics_address: HostAndPort = Field(
        "",
        description="The host:port at which a worker, a beat or `digest up` serves its metrics for Prometheus; each "
        "process its own. Empty: none.",
    )
    metrics_token: SecretStr | None = Field(
        None,
        description="The bearer token with which /metrics of the pages has all metrics. Empty: only those of papers and "
        "pages, for everybody.",
    )
    metrics_file: Path | None = Field(
        None, description="A .prom file that `digest run` writes its metrics to, for a textfile collector."
    )
    log_format: LogFormat = Field(
        "console", description="Logs as text (console), or one JSON object a line (json)."
    )
    log_level: LogLevel = Field(
        "INFO", description="The least level that is logged: DEBUG, INFO, WARNING, ERROR."
    )
    sentry_dsn: SecretStr | None = Field(
        None, description="Where unexpected errors are reported to. Needs the extra [sentry]. Empty: nowhere."
    )
    chat: ChatList = Field(
        (),
        description="Chat services that teams may have their digest posted to: slack, discord, telegram, "
        "mattermost=https://HOST, matrix=https://HOST. Needs the extra [chat]. Empty: none.",
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

    @field_validator("rss_fields")
    @classmethod
    def _known_fields(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        try:
            parse_fields(value, feed_addresses(info.data.get("rss_feeds", ())))
        except BadInput as error:
            raise ValueError(str(error).rstrip(".")) from None
        return value

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        feeds = info.data.get("rss_feeds", ())
        if "openalex" in value and not info.data.get("openalex_filter"):
            raise ValueError("openalex needs DIGEST_OPENALEX_FILTER, which says what to read")
        return known_sources(value, feeds)


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
