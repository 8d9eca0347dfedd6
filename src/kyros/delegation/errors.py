"""What delegation refuses."""

from kyros.kernel.errors import Conflict, Invalid, NotFound


class RunNotFound(NotFound):
    code = "run_not_found"


class ProjectNotNamed(Invalid):
    """A delegation names a repository or a project, not both and not neither."""

    code = "project_not_named"


class RunStillGoing(Conflict):
    code = "run_still_going"


class NothingToMerge(Conflict):
    """The branch holds TASK.md and no code."""

    code = "nothing_to_merge"


class ChecksNotGreen(Conflict):
    code = "checks_not_green"


class SettingsInvalid(Invalid):
    """The project's kyros.toml cannot be used."""

    code = "settings_invalid"


class StepFailed(Conflict):
    """A step found a reason why the run cannot succeed; facts: reason."""

    code = "step_failed"


def no_run(run_id: str) -> RunNotFound:
    """In the same words for whom it is hidden from."""
    return RunNotFound(f"There is no run {run_id}: `kyros run list` shows those there are.")
