"""Makes the pictures of the docs anew: a real sweep, a real MLflow, a real browser. Run it by `make screenshots`.

It takes a few minutes, and Chromium with its driver (Debian: `apt-get install chromium chromium-driver`).
"""

import io
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from service import plots
from service.cli.live import LiveWatcher
from service.home import Home
from service.launch import Place, launch
from service.records import SweepRecord
from service.report import report_html
from service.store import Store
from service.tracking.attach import attach
from service.tracking.links import run_url, view_url
from sweeps.records import Outcome, Reported
from sweeps.rules import apply_rules
from sweeps.spec import SweepSpec
from sweeps.specfile import parse_spec
from tests.service.browser import Browser, chromium
from tests.service.mlflow_server import MlflowServer, home_in

HERE = Path(__file__).parent

SPEC: dict[str, Any] = {
    "name": "digits",
    "task": {"use": "digits", "hidden": [64]},
    "budget": {"epochs": 12},
    "optimizers": ["SGD", "AdamW"],
    "schedulers": ["none", "StepLR", "CosineAnnealingLR"],
    "trials": 24,
    "seeds": 2,
    "pruner": {"name": "asha", "first_rung": 3},
    "range_test": {"steps": 100, "seeds": 3, "probe": 3},
    "lanes": 8,
}

_ASSISTANT = ("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true")
"""MLflow's own panel about its assistant opens at the first visit, over a third of the window."""

_NO_TOOLBARS = """(style => { style.textContent = '.modebar { display: none !important }';
    document.head.append(style); return true })(document.createElement('style'))"""
"""Charts show their toolbar under a mouse alone, and where there is none all the time."""


class Filmed(LiveWatcher):
    """The live display, which keeps how it looked in the midst of the sweep."""

    def __init__(self, spec: SweepSpec):
        super().__init__(spec)
        self.picture = ""

    def reported(self, epochs: Sequence[Reported]) -> None:
        super().reported(epochs)
        if not self.picture and self.outcomes[Outcome.PRUNED] and len(self.running) > 4:
            screen = Console(record=True, file=io.StringIO(), width=110, height=34, force_terminal=True)
            screen.print(self)
            svg = screen.export_svg(title="lrsweep run digits.yaml")
            # Rich names a font on somebody's server; the reader's own will do.
            self.picture = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="lrsweep-pictures-") as name:
        home = home_in(Path(name))
        with Store.open(home.store_url) as store:
            sweep = swept(home, store)
            draw_range_test(store, sweep)
            page = report_html(store, sweep.id)
        report = Path(name, "report.html")
        report.write_text(page, encoding="utf-8")
        assert sweep.mlflow is not None
        attach(home, sweep.mlflow, {"report.html": page.encode()})
        server = MlflowServer(Path(name))
        server.start()
        try:
            with chromium() as browser:
                photograph_mlflow(browser, server, sweep)
                photograph_report(browser, report.as_uri())
        finally:
            server.kill()


def swept(home: Home, store: Store) -> SweepRecord:
    """A sweep that was run from start to end, and filmed."""
    spec = parse_spec(SPEC)
    made = store.create_sweep(name=spec.name, task=spec.task.use, spec=SPEC, total_trials=spec.total_trials)
    watcher = Filmed(spec)
    launched = launch(
        home, store, spec, place=Place(runner="inline"), sweep_id=lambda: made, watcher=watcher, say=print
    )
    assert launched.mlflow_trouble is None, launched.mlflow_trouble
    assert watcher.picture, "no trial was pruned while others trained"
    (HERE / "live.svg").write_text(watcher.picture, encoding="utf-8")
    return store.sweep(made)


def draw_range_test(store: Store, sweep: SweepRecord) -> None:
    """The picture of a range test, as `lrsweep range-test` and MLflow have it."""
    (test,) = (test for test in store.range_tests(sweep.id) if test.optimizer == "AdamW")
    save("range-test.png", plots.range_test(test, apply_rules(test), parse_spec(SPEC).objective))


def photograph_mlflow(browser: Browser, server: MlflowServer, sweep: SweepRecord) -> None:
    """The view that `lrsweep ui` opens, the same as a table, and the note with the answer."""
    place = sweep.mlflow
    assert place is not None
    browser.remember(f"{server.uri}/health", *_ASSISTANT)
    browser.look(1400, 2085)
    browser.open(view_url(place, sweep.id, port=server.port))
    browser.until("document.querySelectorAll('.js-plotly-plot').length >= 5")
    photograph(browser, "mlflow-charts.png")
    browser.look(1500, 900)
    browser.open(view_url(place, sweep.id, port=server.port).replace("&compareRunsMode=CHART", ""))
    browser.until("document.querySelectorAll('[role=grid] a[href*=\"/runs/\"]').length > 9")
    photograph(browser, "mlflow-table.png")
    browser.look(1600, 1318)
    browser.open(run_url(place, port=server.port))
    browser.find("button", containing="Show more").click()
    browser.until("[...document.images].filter(each => each.src.includes('plots') && each.naturalWidth).length > 2")
    photograph(browser, "mlflow-note.png")


def photograph_report(browser: Browser, address: str) -> None:
    """The report on a desk and on a phone."""
    for name, width, height in (("report.png", 1280, 1400), ("report-phone.png", 390, 1200)):
        browser.look(width, height)
        browser.open(address)
        browser.until("[...document.images].every(each => each.complete)")
        photograph(browser, name)


def photograph(browser: Browser, name: str) -> None:
    """What is in the window, once it has come to rest."""
    browser.until(_NO_TOOLBARS)
    time.sleep(6)
    save(name, browser.picture())


def save(name: str, png: bytes) -> None:
    """A picture, in as few bytes as 256 colours take."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    picture.save(HERE / name, optimize=True)
    print(f"{name}: {(HERE / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
