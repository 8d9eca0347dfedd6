"""The command line. Every command parses, calls the server (or starts it), and shows the answer."""

import errno
import os
import sys

from kyros.entrypoints.cli.app import app
from kyros.entrypoints.cli.failures import exit_code_for
from kyros.entrypoints.exit_codes import Exit
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
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stderr.write("kyros: The answer could not be written: no space is left where it goes.\n")
        os._exit(Exit.FAILED)  # an orderly end would try to write the rest once more
