"""What this process is held to itself: no program of ours can be given more."""

import resource

_NAMES = ("cpu", "data", "fsize", "nofile", "nproc")


def own_limits() -> dict[str, int]:
    """Our hard limits by the resource's name, of those that there are."""
    hard = {name: resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1] for name in _NAMES}
    return {name: value for name, value in hard.items() if value != resource.RLIM_INFINITY}
