"""python -m benchmarks.chaos [--minutes 10] [--seed 0]"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.chaos.chaos import unleash


def main() -> int:
    """Prints every kill and the count; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lrs-"))
    # PostgreSQL runs as a user of its own.
    folder.chmod(0o755)
    outcome = unleash(folder, seconds=60 * options.minutes, users=[1, 2, 1], seed=options.seed)
    print(outcome)
    for trouble in outcome.verdict.troubles:
        print(trouble)
    print(f"logs: {folder}")
    return 0 if outcome.verdict.unharmed else 1


if __name__ == "__main__":
    sys.exit(main())
