"""Tasks and leases in the database, each write with its event in the same transaction."""

from kyros.collab.store.leases import SqlLeaseStore
from kyros.collab.store.tasks import SqlTaskStore

__all__ = ["SqlLeaseStore", "SqlTaskStore"]
