"""What a database says when it cannot, in the kernel's words."""

from kyros.kernel.errors import Busy, Invalid, Upstream


class DatabaseFailed(Upstream):
    """The work was refused or cut off. Nothing of it was kept."""

    code = "database_failed"


class DatabaseUnsure(Upstream):
    """The connection broke while the commit was under way: it may have been kept, or not."""

    code = "database_unsure"


class DatabaseClosed(Upstream):
    code = "database_closed"


class DatabaseBusy(Busy):
    """Another process has held the right to write for too long. Nothing was kept."""

    code = "database_busy"


class DatabaseUrlRefused(Invalid):
    """The setting is no address of a database that Kyros can use."""

    code = "database_url_refused"
