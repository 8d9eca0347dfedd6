"""Collab's tables. Times are RFC 3339 text, which sorts in the order of time."""

from sqlalchemy import DDL, JSON, Column, Float, Index, Integer, Table, Text, event, text

from kyros.infra.db import BIG_INTEGER, metadata

tasks = Table(
    "tasks",
    metadata,
    Column("number", BIG_INTEGER, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("objective", Text, nullable=False),
    Column("constraints", Text, nullable=False),
    Column("acceptance_criteria", JSON, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("assignee", Text),
    Column("priority", Text, nullable=False, server_default="normal"),
    Column("more", Text, nullable=False, server_default="{}"),
    Column("revision", BIG_INTEGER, nullable=False, server_default="0", index=True),
    Index("ix_tasks_status_number", "status", "number"),
    Index("ix_tasks_project_number", "project_id", "number"),
    Index("ix_tasks_assignee_number", "assignee", "number"),
    sqlite_autoincrement=True,  # a number is never given out twice, not even after a delete
)
"""`more` is the rest of the document as JSON; `revision` that of the collection at the row's last write.
Tasks are never deleted: those after a revision are all there is to know of what changed since."""

task_labels = Table(
    "task_labels",
    metadata,
    Column("label", Text, primary_key=True),
    Column("number", BIG_INTEGER, primary_key=True, index=True, autoincrement=False),
)

task_dependencies = Table(
    "task_dependencies",
    metadata,
    Column("waits_for", BIG_INTEGER, primary_key=True, autoincrement=False),
    Column("number", BIG_INTEGER, primary_key=True, index=True, autoincrement=False),
)

task_words = Table(
    "task_words",
    metadata,
    Column("number", BIG_INTEGER, primary_key=True, autoincrement=False),
    Column("words", Text, nullable=False),
)
"""The words of model/words.py, a space between. Each database keeps an index of its own over them, which
follows by itself: FTS5 on SQLite, GIN on PostgreSQL."""

WORDS_ON_POSTGRES = "array_to_tsvector(string_to_array(words, ' '))"
_search = Index("ix_task_words_words", text(WORDS_ON_POSTGRES), _table=task_words, postgresql_using="gin")
_search.ddl_if(dialect="postgresql")

SEARCH_ON_SQLITE = (
    # Words come folded and without marks but `-` (T-100): nothing is left for a tokenizer to decide.
    """CREATE VIRTUAL TABLE task_search USING fts5 (
  words, content = 'task_words', content_rowid = 'number', detail = 'none', columnsize = 0,
  tokenize = "ascii tokenchars '-'"
)""",
    """CREATE TRIGGER task_words_in AFTER INSERT ON task_words BEGIN
  INSERT INTO task_search (rowid, words) VALUES (new.number, new.words);
END""",
    """CREATE TRIGGER task_words_out AFTER DELETE ON task_words BEGIN
  INSERT INTO task_search (task_search, rowid, words) VALUES ('delete', old.number, old.words);
END""",
    """CREATE TRIGGER task_words_anew AFTER UPDATE ON task_words BEGIN
  INSERT INTO task_search (task_search, rowid, words) VALUES ('delete', old.number, old.words);
  INSERT INTO task_search (rowid, words) VALUES (new.number, new.words);
END""",
)
"""For migrations, in this order; `create` on `task_words` runs them by itself."""

for _statement in SEARCH_ON_SQLITE:
    _ddl = DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    event.listen(task_words, "after_create", _ddl.execute_if(dialect="sqlite"))

leases = Table(
    "leases",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("lock_id", Text, nullable=False, index=True),
    Column("holder", Text, nullable=False, index=True),
    Column("fencing_token", BIG_INTEGER, nullable=False),
    Column("acquired_at", Text, nullable=False),
    Column("heartbeat_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("ttl_seconds", Float, nullable=False),
)
"""Rows go when leases go, and nothing stays in their place: leases are few, whoever follows this table
reads it whole when the collection has a new revision."""

lease_fences = Table(
    "lease_fences",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("last_token", BIG_INTEGER, nullable=False),
)
"""The last fencing token under each name. Rows stay when leases go: tokens only grow."""

lease_waiters = Table(
    "lease_waiters",
    metadata,
    Column("ticket", BIG_INTEGER, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("resources", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Column("until", Text, nullable=False),
    sqlite_autoincrement=True,  # later tickets are higher ones, also after the line was empty
)

agents = Table(
    "agents",
    metadata,
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
)
"""Agents are few: as with leases, whoever follows this table reads it whole."""

collab_state = Table(
    "collab_state",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("revision", BIG_INTEGER, nullable=False),
    Column("count", Integer, nullable=False),
    Column("fold_high", BIG_INTEGER, nullable=False),
    Column("fold_low", BIG_INTEGER, nullable=False),
)
"""The revision of each collection. The fold is in two halves of 32 bits, so that SQL can add to it."""

collab_service = Table(
    "collab_service",
    metadata,
    Column("number", BIG_INTEGER, primary_key=True, autoincrement=False),
    Column("last_beat", Text, nullable=False),
)
"""One row, number 1: when the store was last known to be in service."""
