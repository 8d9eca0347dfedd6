"""Builds the console into the package when a wheel or an sdist is made, unless it is there and fresh."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SKIP = "KYROS_SKIP_CONSOLE"
_SOURCES = ("index.html", "package.json", "package-lock.json", "vite.config.ts", "public", "src", "tools")
_NO_NPM = f"""
The console must be built, and npm was not found.

  - Install Node.js 20.19 or newer (it brings npm) and try again, or
  - install a released wheel or sdist of Kyros: they carry the console and need no Node, or
  - set {SKIP}=1 to install without the console: command line and API work, the pages do not.
"""


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatch calls this by its name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        static = root / "src" / "kyros" / "entrypoints" / "static"
        if self.target_name == "wheel" and version == "editable":
            return
        if os.environ.get(SKIP, "") not in ("", "0"):
            self.app.display_warning(f"{SKIP} is set: the console is not built.")
            return
        build(root / "console", static)


def build(console: Path, static: Path) -> None:
    """`npm ci` and `npm run build`, unless `static` was built from these very sources."""
    digest, mark = digest_of(console), static / ".digest"
    built = (static / "index.html").is_file()
    if built and (digest is None or (mark.is_file() and mark.read_text() == digest)):
        return
    if digest is None:
        raise SystemExit(
            "The sources of the console are missing: build Kyros from a checkout or a full sdist."
        )
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(_NO_NPM)
    subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=console, check=True)
    subprocess.run([npm, "run", "build"], cwd=console, check=True)
    mark.write_text(digest)


def digest_of(console: Path) -> str | None:
    """Of every file the build reads, names included; None when there are no sources."""
    if not (console / "package.json").is_file():
        return None
    digest = hashlib.sha256()
    for path in sorted(_files(console), key=lambda path: path.relative_to(console).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(console).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(console: Path) -> Iterator[Path]:
    for name in _SOURCES:
        source = console / name
        inside = source.rglob("*") if source.is_dir() else [source]
        yield from (path for path in inside if path.is_file() and "node_modules" not in path.parts)
