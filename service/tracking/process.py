"""Live tracking from a process of its own: importing mlflow and talking to it cost training nothing.

The child is `python -m service.tracking.process`. It reads lines: where the sweep is, then when to look at once, and
at the end how long to be patient; it answers the last with what MLflow lacks. When its parent dies it ends at once:
whoever goes on with the sweep writes what is missing, and one sweep has one writer at a time.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from service.collecting import collect_seldom, loading
from service.home import Home
from service.tracking.ahead import take
from service.tracking.links import without_password


class TrackingProcess:
    """Shows one sweep in MLflow while it runs, from `begin` to `close`; nothing that goes wrong there is raised.

    The child starts at once, if none was started ahead, so that it has loaded what it needs when the sweep begins.
    """

    def __init__(self, home: Home):
        self._home = home
        self._begun = False
        self._trouble: str | None = None
        self._child: subprocess.Popen[str] | None = take()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(patience=0.0)

    def begin(self, sweep_id: str) -> None:
        """Follows this sweep from now on."""
        self._begun = True
        self._say({"sweep": sweep_id, **{key: str(value) for key, value in asdict(self._home).items()}})

    def look(self) -> None:
        """Has it look at the store at once: there is something that takes long to show."""
        if self._begun:
            self._say({"look": True})

    @property
    def pid(self) -> int:
        """The child."""
        assert self._child is not None
        return self._child.pid

    def close(self, patience: float) -> str | None:
        """Ends the tracking with a last, complete sync; None if MLflow has everything, else what is wrong.

        Call it once the store says how the sweep ended. While MLflow is away it is tried again for `patience` seconds.
        Whoever leaves meanwhile, by another Ctrl-C, leaves no child behind.
        """
        if self._child is None:
            return self._trouble
        if self._begun:
            self._say({"patience": patience})
        child, self._child = self._child, None
        try:
            answer, _ = child.communicate()
        except BaseException:
            child.kill()
            raise
        self._trouble = self._read(answer) if self._begun else None
        return self._trouble

    def _read(self, answer: str) -> str | None:
        if not answer:
            return f"what writes to MLflow at {without_password(self._home.tracking_uri)} ended without a word"
        trouble: str | None = json.loads(answer)
        return trouble

    def _say(self, message: dict[str, object]) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        try:
            print(json.dumps(message), file=self._child.stdin, flush=True)
        except BrokenPipeError:
            # It has died; close() says so.
            return


def main() -> None:
    """The child's side."""
    collect_seldom()
    from service.store import Store
    from service.store.mlflowfile import quick_commits
    from service.tracking.lean import load_lean_mlflow
    from service.tracking.thread import Tracking

    with loading():
        load_lean_mlflow()
        import service.tracking.projection  # noqa: F401

    first = sys.stdin.readline()
    if not first:
        return
    order = json.loads(first)
    sweep_id = order.pop("sweep")
    home = Home(**{**order, "folder": Path(order["folder"])})
    with Store.open(home.store_url) as store, quick_commits(home), Tracking(store, sweep_id, home) as tracking:
        for line in sys.stdin:
            word = json.loads(line)
            if "patience" in word:
                trouble = tracking.close(word["patience"])
                break
            tracking.look()
        else:
            os._exit(0)
    print(json.dumps(trouble), flush=True)
    # Python would take a second to clear away what mlflow has loaded, and somebody waits.
    os._exit(0)


if __name__ == "__main__":
    main()
