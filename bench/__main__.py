"""`python -m bench`: every bench, one after the other; exit 1 when a ratio misses its mark."""

import sys

from bench import jobs, pipeline

if __name__ == "__main__":
    missed = [bench.__name__ for bench in (pipeline, jobs) if bench.main([]) != 0]
    if missed:
        print(f"missed: {', '.join(missed)}")
    sys.exit(1 if missed else 0)
