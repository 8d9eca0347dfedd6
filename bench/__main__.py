"""`python -m bench [NAME…]`: every bench or those named; exit 1 when a ratio misses its mark."""

import sys
from importlib import import_module

BENCHES = ("pipeline", "jobs", "files", "sql", "append", "tail", "gate", "screen", "fleet")


def main(names: list[str]) -> int:
    if unknown := [name for name in names if name not in BENCHES]:
        raise SystemExit(f"no bench is called {unknown[0]}: there are {', '.join(BENCHES)}")
    missed = [name for name in names or BENCHES if import_module(f"bench.{name}").main([]) != 0]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
