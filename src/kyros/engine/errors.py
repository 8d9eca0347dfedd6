"""What the engine refuses."""

from kyros.kernel.errors import Busy, Denied


class BusTaken(Busy):
    """Another live process already listens for this home."""

    code = "bus_taken"


class BusPlaceUnsafe(Denied):
    """The folder of the socket belongs to somebody else or is open to others."""

    code = "bus_place_unsafe"
