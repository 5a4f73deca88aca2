"""Runs the migrations on the database that `digest.store.schema` passes."""

from alembic import context

from digest.store.database import Database
from digest.store.mail_server_models import metadata

database: Database = context.config.attributes["database"]

with database.migrate() as connection:
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=database.is_sqlite, compare_type=True
    )
    if not database.is_sqlite:
        # A migration that waits for a lock blocks all later statements on the table; it fails instead and is run again.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
    with context.begin_transaction():
        context.run_migrations()
