"""Creating and upgrading the tables on SQLite and PostgreSQL with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from digest.store.database import Database

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


def upgrade(database: Database) -> None:
    """Create or upgrade all tables; does nothing when they are up to date. Raises StopRun if unreachable."""
    command.upgrade(_config(database), "head")
