"""The folders of a home, by name. Nothing else in the code spells a path under the home."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from kyros.infra.files import replace_file


@dataclass(frozen=True)
class Home:
    root: Path

    @property
    def database(self) -> Path:
        """SQLite's file; another database may be in its place (migrate.database_of)."""
        return self.root / "kyros.db"

    @property
    def state(self) -> Path:
        """Tasks, leases and agents as files, where the home keeps them so."""
        return self.root / "collaboration" / "state"

    @property
    def events(self) -> Path:
        """The log of events as files."""
        return self.root / "collaboration" / "events"

    @property
    def human_log(self) -> Path:
        return self.root / "collaboration" / "logs" / "log.md"

    @property
    def forge(self) -> Path:
        return self.root / "forge"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def agents(self) -> Path:
        return self.root / "agents"

    @property
    def shared(self) -> Path:
        """Folders that executions may be sent to by name."""
        return self.root / "shared"

    @property
    def profiles(self) -> Path:
        return self.root / "profiles"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def address(self) -> Path:
        """Where the server listens, for the command line."""
        return self.root / "run" / "address"

    def write_address(self, url: str) -> None:
        self.address.parent.mkdir(exist_ok=True, mode=0o700)
        replace_file(self.address, url.encode())

    def installation(self) -> str:
        """This installation's name among all on the machine. The file tells for which path it was made:
        a copy of a home is another installation, and must never stop the agents of the first."""
        path, here = self.root / "installation", str(self.root.resolve())
        name, _, there = path.read_text().partition("\n") if path.exists() else ("", "", "")
        if there != here:
            name = secrets.token_hex(8)
            replace_file(path, f"{name}\n{here}".encode())
        return name
