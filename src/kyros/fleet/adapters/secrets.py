"""The scan for secrets in what is about to be committed (detect-secrets)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from kyros.fleet.model import SecretFinding

# Only detectors that know the shape of a real credential: guesses by entropy would stop honest work.
_PLUGINS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "DiscordBotTokenDetector",
    "GitHubTokenDetector", "GitLabTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector", "SquareOAuthDetector",
    "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
_FILTERS = ("detect_secrets.filters.allowlist.is_line_allowlisted",)


class ShapeScanner:
    """ports.SecretScanner by the shapes of credentials.

    A line that only looks like one says so with `pragma: allowlist secret`.
    """

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()  # the library keeps its settings in a global

    async def scan(self, root: Path, paths: Sequence[str]) -> Sequence[SecretFinding]:
        async with self._one_at_a_time:
            return await asyncio.to_thread(_scan, root, paths)


def load_detectors() -> None:
    """Import the library ahead of the first scan: it takes a fifth of a second."""
    import detect_secrets.core.secrets_collection
    import detect_secrets.settings  # noqa: F401 - imported to be there


def _scan(root: Path, paths: Sequence[str]) -> Sequence[SecretFinding]:
    from detect_secrets.core.secrets_collection import SecretsCollection  # slow to load: at first use
    from detect_secrets.settings import transient_settings

    settings = {
        "plugins_used": [{"name": name} for name in _PLUGINS],
        "filters_used": [{"path": path} for path in _FILTERS],
    }
    found = SecretsCollection(root=str(root))
    with transient_settings(settings):
        for path in paths:
            file = root / path
            if file.is_file() and not file.is_symlink():
                found.scan_file(path)
    return [SecretFinding(path, secret.line_number, secret.type) for path, secret in found]
