"""Auth's rows in the database, and its two secret files in the home."""

from kyros.auth.store.rows import TOPIC, SqlAuthStore
from kyros.auth.store.secret_file import OperatorToken, SigningKeyFile, new_token
from kyros.auth.store.signing_row import SigningKeyRow

__all__ = ["TOPIC", "OperatorToken", "SigningKeyFile", "SigningKeyRow", "SqlAuthStore", "new_token"]
