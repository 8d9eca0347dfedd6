"""Alembic's environment: every room's tables, over the connection that kyros.entrypoints.migrate opened."""

from alembic import context

import kyros.auth.store
import kyros.collab.store
import kyros.collab.store.files.tables
import kyros.delegation.store
import kyros.engine.adapters.embedded.table
import kyros.events.store
import kyros.fleet.store
import kyros.forge.store
import kyros.infra.answers  # noqa: F401 - imported for the tables they bring
from kyros.collab.store.recount import recount
from kyros.infra.db import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
    if context.get_revision_argument() == context.get_head_revision():
        recount(context.config.attributes["connection"])
