"""How good picks are: normalized regret of the probe and of other tools' rules, against a dense grid of LRs.

python -m benchmarks.picks [--part PART] [--tasks digits,wine] [--repeats 5] [--rules 5] [--floor] [--cache DIR]

Only the part `tune` may be looked at while the strategy is changed; `kept` is measured once it stands. `seen` was kept
once, `noisy` are candidates for the kept part that even the whole grid cannot do. The cache keeps what single trainings
came to, and all picks; delete it after changing a task.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.picks.measured import measure
from benchmarks.picks.picktask import PARTS
from benchmarks.picks.report import by_task, calibration, regrets, within, worst
from benchmarks.picks.tasks import TASKS
from workers.process import set_up_process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, default="tune")
    parser.add_argument("--tasks", default="", help="some of the part's tasks; all of them if left out")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rules", type=int, default=5, help="repeats in which other tools' rules are measured, too")
    parser.add_argument("--floor", action="store_true", help="also what the whole grid picks with other seeds")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "lrsweep-picks")
    options = parser.parse_args()
    set_up_process(threads=1)
    rows = []
    for name, task in TASKS.items():
        if task.part == options.part and name in (options.tasks.split(",") if options.tasks else TASKS):
            began = time.perf_counter()
            rows += measure(name, options.cache, options.repeats, rules=options.rules, floor=options.floor)
            (options.cache / f"picks-{options.part}.json").write_text(json.dumps([asdict(row) for row in rows]))
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    for part in PARTS:
        print(f"{part}: {', '.join(name for name, task in TASKS.items() if task.part == part)}")
    said = regrets(rows), by_task(rows), [within(rows)], [calibration(rows)], worst(rows)
    print(*(line for lines in said for line in ("", *lines)), sep="\n")


if __name__ == "__main__":
    main()
