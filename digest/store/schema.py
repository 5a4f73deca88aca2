"""Creating and upgrading the tables on SQLite and PostgreSQL with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from digest.errors import BadInput, StopRun
from digest.store.database import Conflict, Database

MIGRATIONS = Path(__file__).with_name("migrations")


def _config(database: Database) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["database"] = database
    return config


def newest_revision() -> str:
    """Return the database revision that this version of the product needs."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None
    return head


def present_revision(database: Database) -> str | None:
    """Return the database's revision; None if it was never initialised."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def downgrade(database: Database, revision: str) -> None:
    """Take all tables back to an older revision; what only newer ones know is dropped. Raises BadInput and StopRun.

    When a row does not fit the older tables, nothing is changed.
    """
    history = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    if revision not in {one.revision for one in history}:
        raise BadInput(f"{revision} is not a revision; a file of `digest init` names the former one.")
    present = present_revision(database)
    if present is None or revision > present:
        raise BadInput(f"The database is at {present or 'no revision'}; name an older one.")
    try:
        command.downgrade(_config(database), revision)
    except Conflict as error:
        raise StopRun(
            f"Some rows do not fit the tables of {revision}, and nothing was changed; restore a backup instead."
        ) from error


def upgrade(database: Database) -> None:
    """Create or upgrade all tables; does nothing when they are up to date. Raises StopRun if unreachable."""
    command.upgrade(_config(database), "head")
