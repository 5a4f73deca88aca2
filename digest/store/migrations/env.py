"""Runs the migrations on the database that `digest.store.schema` hands over."""

from alembic import context

from digest.store.database import Database
from digest.store.models import metadata

database: Database = context.config.attributes["database"]

with database.migrate() as connection:
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=database.is_sqlite, compare_type=True
    )
    if not database.is_sqlite:
        # A migration that waits for a lock holds up everybody behind it; better it fails and is run again.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
    with context.begin_transaction():
        context.run_migrations()
