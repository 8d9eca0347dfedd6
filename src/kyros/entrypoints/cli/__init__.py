"""The command line. Every command parses, calls the server (or starts it), and shows the answer."""

import sys

from kyros.entrypoints.cli.app import app
from kyros.entrypoints.cli.failures import exit_code_for
from kyros.kernel.errors import KyrosError


def main() -> None:
    """Runs a command; a refusal is one sentence on stderr and the exit code of contracts: 1 failed,
    2 usage, 3 not found, 4 refused, 5 unreachable."""
    try:
        app()
    except KyrosError as error:
        sys.stderr.write(f"kyros: {error.message}\n")
        sys.exit(exit_code_for(error))
    except BrokenPipeError:
        sys.exit(0)
