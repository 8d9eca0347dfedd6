"""Alembic's environment: every room's tables, one SQLite or Postgres URL."""

from alembic import context
from sqlalchemy import create_engine

import kyros.collab.store
import kyros.delegation.store
import kyros.engine.adapters.embedded.table
import kyros.events.store
import kyros.fleet.store
import kyros.forge.store  # noqa: F401 - imported for the tables they bring
from kyros.infra.db import metadata

engine = create_engine(context.config.get_main_option("sqlalchemy.url"))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
