"""How long the command line takes: medians of start-up, listing and the demo, each in a process of its own.

python -m benchmarks.cli [--repeats 5] [--demo 3]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
QUICK = (
    ["--help"],
    ["run", "--help"],
    ["validate", str(EXAMPLES / "digits.yaml")],
    ["list"],
    ["show", "last"],
    ["pick"],
)


def seconds(folder: str, *args: str) -> float:
    """Wall time of one command."""
    command = [sys.executable, "-c", "from service.cli.main import main; main()", *args]
    environment = os.environ | {"LRSWEEP_HOME": folder}
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def row(name: str, times: list[float]) -> str:
    """One row of the table in RESULTS.md."""
    return f"| `lrsweep {name}` | {statistics.median(times):.2f} | {min(times):.2f} .. {max(times):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--demo", type=int, default=3)
    options = parser.parse_args()
    print("| command | median, s | spread, s |\n|---|---|---|")
    demo = ["run", str(EXAMPLES / "digits.yaml")]
    folders = [tempfile.mkdtemp(prefix="lrsweep-") for _ in range(options.demo)]
    print(row("run examples/digits.yaml", [seconds(folder, *demo) for folder in folders]))
    for args in QUICK:
        name = " ".join(Path(arg).name if "/" in arg else arg for arg in args)
        print(row(name, [seconds(folders[0], *args) for _ in range(options.repeats)]))


if __name__ == "__main__":
    main()
