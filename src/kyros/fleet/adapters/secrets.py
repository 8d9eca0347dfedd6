"""The scan for secrets in what is about to be committed: the patterns of detect-secrets, our own walk.

The library's own scan keeps its settings in globals, which two scans at once disturb, and is slow on large
files; its patterns are neither.
"""

import asyncio
import importlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from kyros.fleet.model import SecretFinding

# Only detectors that know the shape of a real credential: guesses by entropy would stop honest work.
_DETECTORS = (
    ("artifactory", "ArtifactoryDetector"), ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"), ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"), ("gitlab_token", "GitLabTokenDetector"),
    ("mailchimp", "MailchimpDetector"), ("npm", "NpmDetector"), ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"), ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"), ("slack", "SlackDetector"), ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"), ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)  # fmt: skip
_ALLOWED = re.compile(rb"pragma: ?allowlist[ -]secret")
_CHUNK_BYTES = 256 * 1024
_LINE_BYTES = 16 * 1024


class ShapeScanner:
    """ports.SecretScanner by the shapes of credentials.

    A line that only looks like one says so with `pragma: allowlist secret`.
    """

    async def scan(self, root: Path, paths: Sequence[str]) -> Sequence[SecretFinding]:
        return await asyncio.to_thread(lambda: [found for path in paths for found in _scan(root, path)])


@cache
def load_detectors() -> Sequence[tuple[str, re.Pattern[str]]]:
    """(kind, pattern) of every detector. The first call imports them."""
    found: list[tuple[str, re.Pattern[str]]] = []
    for module, name in _DETECTORS:
        detector = getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)()
        kind: str = detector.secret_type
        found.extend((kind, _for_many_lines(pattern)) for pattern in detector.denylist)
    return found


def _for_many_lines(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """It was made for single lines: its anchors must hold in many."""
    return re.compile(pattern.pattern, pattern.flags | re.MULTILINE)


def _scan(root: Path, path: str) -> Iterator[SecretFinding]:
    file = root / path
    if file.is_symlink() or not file.is_file() or not file.resolve().is_relative_to(root.resolve()):
        return
    for first_line, chunk in _chunks(file):
        text = chunk.decode("utf-8", "replace")
        for kind, pattern in load_detectors():
            for match in pattern.finditer(text):
                before = text.count("\n", 0, match.start())
                if not _ALLOWED.search(text.split("\n")[before].encode()):
                    yield SecretFinding(path, first_line + before, kind)


def _chunks(file: Path) -> Iterator[tuple[int, bytes]]:
    """(number of its first line, whole lines); a line without end is cut, with an overlap."""
    number, rest = 1, b""
    with file.open("rb") as opened:
        while data := opened.read(_CHUNK_BYTES):
            whole, newline, tail = (rest + data).rpartition(b"\n")
            if not newline and len(tail) > _CHUNK_BYTES:
                whole, tail = tail, tail[-_LINE_BYTES:]
            if whole:
                yield number, whole
                number += whole.count(b"\n") + len(newline)
            rest = tail
    yield number, rest
