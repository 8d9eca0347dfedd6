"""The forge's tables. Times are RFC 3339 text, which sorts in the order of time."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from kyros.infra.db import metadata

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False, unique=True),
    Column("default_base", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)

branches = Table(
    "branches",
    metadata,
    Column("project_id", ForeignKey("projects.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("base", Text, nullable=False),
    Column("base_sha", Text, nullable=False),
    Column("opened_sha", Text, nullable=False),
    Column("opened_at", Text, nullable=False),
)
"""The branches Kyros opened and has not deleted: what is not here is nobody's to delete."""

pulls = Table(
    "pulls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", ForeignKey("projects.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("head", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("head_sha", Text, nullable=False),
    Column("base_sha", Text, nullable=False),
    Column("merge_sha", Text),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    UniqueConstraint("project_id", "number", name="uq_pulls_project_number"),
    Index(
        "uq_pulls_open_head",
        "project_id",
        "head",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_pulls_state_created", "state", "created_at"),
    Index("ix_pulls_project_created", "project_id", "created_at"),
)

checks = Table(
    "checks",
    metadata,
    Column("pull_id", ForeignKey("pulls.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("output", Text, nullable=False),
    Column("head_sha", Text, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("reported_at", Text, nullable=False),
)
