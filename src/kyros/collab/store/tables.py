"""Collab's tables. Times are RFC 3339 text, which sorts in the order of time."""

from sqlalchemy import JSON, Column, Float, Index, Integer, Table, Text

from kyros.infra.db import metadata

tasks = Table(
    "tasks",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("objective", Text, nullable=False),
    Column("constraints", Text, nullable=False),
    Column("acceptance_criteria", JSON, nullable=False),
    Column("status", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Index("ix_tasks_status_number", "status", "number"),
    Index("ix_tasks_project_number", "project_id", "number"),
    sqlite_autoincrement=True,  # a number is never given out twice, not even after a delete
)

leases = Table(
    "leases",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("lock_id", Text, nullable=False, unique=True),
    Column("holder", Text, nullable=False, index=True),
    Column("fencing_token", Integer, nullable=False),
    Column("acquired_at", Text, nullable=False),
    Column("heartbeat_at", Text, nullable=False),
    Column("ttl_seconds", Float, nullable=False),
)

lease_fences = Table(
    "lease_fences",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("last_token", Integer, nullable=False),
)
"""The last fencing token of each resource. Rows stay when leases go: tokens only grow."""
