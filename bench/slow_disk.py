"""A disk that takes longer: every `fsync` and `fdatasync` of a process waits on top of the real one.

How long a disk takes to sync decides what sharing a sync is worth, and disks differ a hundredfold.
"""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static int later(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    struct timespec wait = {0, WAIT_US * 1000L};
    int done = real(file);
    nanosleep(&wait, 0);
    return done;
}
int fsync(int file) { return later("fsync", file); }
int fdatasync(int file) { return later("fdatasync", file); }
"""


def slower_by(wait_ms: float, folder: Path) -> Mapping[str, str] | None:
    """The environment of a process that shall have such a disk; None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source, library = folder / "slow_disk.c", folder / "slow_disk.so"
    source.write_text(_SOURCE)
    wait = f"-DWAIT_US={round(wait_ms * 1000)}"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", wait, "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}
