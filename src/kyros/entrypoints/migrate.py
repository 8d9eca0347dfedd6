"""Brings an installation's database to the newest schema, and says where it is."""

from pathlib import Path

import kyros
from kyros.entrypoints.home import Home
from kyros.infra.db import Place, place_of
from kyros.infra.db.migrating import migrating, version_of
from kyros.kernel.settings import Settings


def database_of(settings: Settings) -> Place:
    """Where the installation's database is. Raises DatabaseUrlRefused."""
    return place_of(settings.database_url.get_secret_value(), Home(settings.home).database)


def migrations_folder() -> Path:
    """In a wheel inside the package, in a checkout at its top."""
    package = Path(kyros.__file__).parent
    packed = package / "_migrations"
    return packed if packed.is_dir() else package.parent.parent / "migrations"


def upgrade(database: Place) -> None:
    """To the newest revision; a database that is there already costs one query. Of several that start at
    once on PostgreSQL one does it and the others wait. Raises DatabaseFailed when it cannot be reached."""
    if current_revision(database) == newest_revision():
        return
    from alembic import command  # half a second that an up-to-date start does not pay
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    with migrating(database) as connection:
        config.attributes["connection"] = connection  # a path may hold what a URL or an ini file would twist
        command.upgrade(config, "head")


def newest_revision() -> str:
    """Revisions are numbered in a row: 0001_the_house.py is revision 0001."""
    files = (migrations_folder() / "versions").glob("[0-9]*.py")
    return max(file.name.partition("_")[0] for file in files)


def current_revision(database: Place) -> str | None:
    """None for a database that is not there or was never migrated. Raises DatabaseFailed when PostgreSQL
    cannot be asked."""
    return version_of(database)
