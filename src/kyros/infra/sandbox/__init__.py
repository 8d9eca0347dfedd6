"""What confines a program: bubblewrap where it works, limits, a watch over what its processes use."""

from kyros.infra.sandbox.confinement import Confinement, Kind, Limits, Mount, Tools, bubblewrap
from kyros.infra.sandbox.probe import Probe, probe
from kyros.infra.sandbox.watch import Watch, watching

__all__ = [
    "Confinement",
    "Kind",
    "Limits",
    "Mount",
    "Probe",
    "Tools",
    "Watch",
    "bubblewrap",
    "probe",
    "watching",
]
