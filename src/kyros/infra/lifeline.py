"""How a child process notices that its parent is gone, even by kill -9: a pipe that closes."""

import os
import signal
import threading
import time

_GRACE_SECONDS = 8.0


def hold_on_to(read_end: int) -> None:
    """Ask this process to end when the other end of the pipe closes; make it, if it does not."""

    def watch() -> None:
        while os.read(read_end, 1):
            continue
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE_SECONDS)
        os._exit(70)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()
