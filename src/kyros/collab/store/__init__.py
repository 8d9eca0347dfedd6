"""Tasks, leases and agents in the database, each write with its event in the same transaction; `files/` shows
them as files as well."""

from kyros.collab.store import tables  # the statements are written SQL: nobody else brings the tables
from kyros.collab.store.files import FileCollabStore
from kyros.collab.store.store import SqlCollabStore

__all__ = ["FileCollabStore", "SqlCollabStore", "tables"]
