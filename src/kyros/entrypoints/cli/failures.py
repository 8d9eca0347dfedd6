"""Refusals as the command line knows them: the server's problems again, and what ended badly."""

from kyros.entrypoints.exit_codes import Exit, exit_of, exit_of_status
from kyros.kernel.errors import KyrosError


class Unreachable(KyrosError):
    """No server answers; nothing was done."""

    code = "unreachable"


class Refused(KyrosError):
    """The server's own words; facts: status, code."""

    code = "refused"


class RunFailed(KyrosError):
    """What was followed ended without success."""

    code = "run_failed"


class Usage(KyrosError):
    """The words of the command do not fit together."""

    code = "usage"


def exit_code_for(error: KyrosError) -> int:
    if isinstance(error, Unreachable):
        return Exit.UNREACHABLE
    if isinstance(error, Usage):
        return Exit.USAGE
    if isinstance(error, RunFailed):
        return Exit.FAILED
    status = error.facts.get("status")
    return exit_of_status(status) if isinstance(status, int) else exit_of(error)
