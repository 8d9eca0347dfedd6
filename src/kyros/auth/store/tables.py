"""Auth's tables. Digests are SHA-256 as hex, times RFC 3339 text, roles in projects a JSON object."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from kyros.infra.db import metadata

auth_names = Table(
    "auth_names",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
)
"""Every name a person, agent or key ever had. Rows stay: an actor of old events is never somebody else."""

people = Table(
    "people",
    metadata,
    Column("name", Text, ForeignKey("auth_names.name"), primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("email", Text),
    Column("role", Text),
    Column("password_hash", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("disabled_at", Text),
)

memberships = Table(
    "memberships",
    metadata,
    Column("person", Text, ForeignKey("people.name"), primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("role", Text, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, ForeignKey("people.name"), nullable=False, index=True),
    Column("transport", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False, index=True),
    Column("ended_at", Text),
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("session_id", Text, nullable=False, index=True),
    Column("expires_at", Text, nullable=False, index=True),
    Column("spent_at", Text),
)
"""Spent ones stay until they expire: a second use of one is how a theft shows."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, ForeignKey("auth_names.name"), nullable=False, index=True),
    Column("prefix", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("role", Text),
    Column("projects", Text, nullable=False),
    Column("scopes", Text),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("last_used_at", Text),
    Column("revoked_at", Text),
    Index("ix_api_keys_owner_id", "owner", "id"),
)

agent_tokens = Table(
    "agent_tokens",
    metadata,
    Column("name", Text, ForeignKey("auth_names.name"), primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("role", Text),
    Column("projects", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)
"""What several servers sign access tokens with; a home of its own keeps it in auth.key instead."""
