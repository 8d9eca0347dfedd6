"""Limits as this process may set them: none above what it is held to itself."""

import resource
from dataclasses import replace

from kyros.infra.sandbox.confinement import Limits


def clamped(limits: Limits) -> Limits:
    """The same, with open files at most as many as we may open ourselves: more could not be set."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if limits.open_files is None or hard == resource.RLIM_INFINITY:
        return limits
    return replace(limits, open_files=min(limits.open_files, hard))
