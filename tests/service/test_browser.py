"""What a person sees who follows the link that `lrsweep ui` prints, in a real browser."""

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service.browser import Browser, chromium
from tests.service.cli.conftest import clean_environment, command

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SPEC = """
task: {use: digits, hidden: [16]}
budget: {epochs: 3}
optimizers: [SGD, AdamW]
schedulers: [none, CosineAnnealingLR]
trials: 4
pruner: none
range_test: {steps: 30, seeds: 2}
"""


@dataclass(frozen=True)
class Shown:
    """A sweep that the UI shows: `link` is what the command printed, `document` what the sweep's command did."""

    link: str
    document: dict[str, Any]

    @property
    def answer(self) -> str:
        """The page of the parent run."""
        return f"{self.link.partition('#')[0]}#{self.document['mlflow']['url'].partition('#')[2]}"

    @property
    def best(self) -> dict[str, Any]:
        """The best pick's trial."""
        (trial,) = (trial for trial in self.document["trials"] if trial["value"] == self.document["picks"][0]["value"])
        return trial


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with chromium() as browser:
        # MLflow draws only what is within the window.
        browser.look(1600, 3000)
        yield browser


@pytest.fixture(scope="module")
def shown(page: Browser, tmp_path_factory: pytest.TempPathFactory, new_mlflow: Path) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("shown")
    (folder / ".lrsweep").mkdir()
    shutil.copy(new_mlflow, folder / ".lrsweep" / "mlflow.db")
    (folder / "spec.yaml").write_text(SPEC)
    done = subprocess.run(
        command("run", "spec.yaml", "--runner", "inline", "--json"),
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    subprocess.run(command("report"), cwd=folder, env=clean_environment(), capture_output=True, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    printed, log = folder / "printed", folder / "ui.log"
    with printed.open("wb") as out, log.open("wb") as said:
        ui = subprocess.Popen(
            command("ui", "last", "--port", port),
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=said,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert ui.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        link = printed.read_text().splitlines()[0]
        yield Shown(link=link, document=json.loads(done.stdout))
    finally:
        os.killpg(ui.pid, signal.SIGKILL)
        ui.wait()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as response:
            return bool(response.status == 200)
    except OSError:
        return False


LINES = """[...document.querySelectorAll('.js-plotly-plot')]
    .filter(plot => plot.querySelector('path.js-line')?.getTotalLength() > 0)
    .flatMap(plot => plot.data)
    .filter(trace => trace.metricKey === arguments[0] && trace.x?.length)
    // Beside each line, MLflow draws the same in a colour that is nearly clear.
    .filter(trace => trace.marker.color.length === 7)
    .map(trace => ({name: trace.name, x: [...trace.x], y: [...trace.y], colour: trace.marker.color}))"""
"""What is drawn of a metric: a line for each run that has it."""


def drawn(page: Browser, metric: str, count: int) -> list[dict[str, Any]]:
    """The lines of a metric, once there are so many of them."""
    lines: list[dict[str, Any]] = page.until(f"(lines => lines.length === {count} && lines)({LINES})", metric)
    return lines


def test_the_link_leads_to_charts_of_all_that_was_tried(page: Browser, shown: Shown) -> None:
    page.open(shown.link)
    trials, tests = shown.document["trials"], shown.document["range_tests"]
    ramps = drawn(page, "range_test/loss_smoothed", len(tests))
    for ramp in ramps:
        (test,) = (test for test in tests if test["optimizer"] in ramp["name"])
        assert ramp["x"][0] == pytest.approx(math.log10(test["curve"]["lr"][0]))
        assert ramp["x"] == sorted(ramp["x"])
    assert len({ramp["colour"] for ramp in ramps}) == len(tests)
    for metric in ("val/loss", "lr", "train/loss"):
        curves = drawn(page, metric, len(trials))
        assert all(curve["x"] == [1, 2, 3] for curve in curves)
        assert len({curve["colour"] for curve in curves}) == 2, "one colour per scheduler"
    points = page.until(
        """[...document.querySelectorAll('.js-plotly-plot')]
            .filter(plot => plot.querySelectorAll('path.point').length)
            .filter(plot => plot.layout.xaxis.title.text === 'log10_initial_lr')
            .filter(plot => plot.layout.yaxis.title.text === 'log10_objective')
            .map(plot => plot.data.flatMap(trace => [...trace.x].map((x, place) => [x, trace.y[place]])))[0]"""
    )
    wanted = [(math.log10(trial["initial_lr"]), math.log10(trial["value"])) for trial in trials]
    assert sorted(map(tuple, points)) == [pytest.approx(point) for point in sorted(wanted)]
    inked = """[...document.querySelectorAll('canvas')].filter(canvas => canvas.width && canvas.height && canvas
        .getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(byte => byte)).length"""
    assert page.until(inked) >= 1, "parallel coordinates are drawn on a canvas"


def test_the_note_gives_the_answer_with_its_pictures(page: Browser, shown: Shown) -> None:
    page.open(shown.answer)
    best = shown.document["picks"][0]
    page.find("h2", containing=f"Best initial LR: {best['initial_lr']:.3g}")
    page.find("strong", containing=best["optimizer"])
    page.find("button", containing="Show more").click()
    for plot in ("lr_sensitivity", "best_curves", "range_tests"):
        picture = page.find(f"img[src*='{plot}.png']")
        assert page.until("arguments[0].complete && arguments[0].naturalWidth > 0", picture)
    for pick in shown.document["picks"]:
        page.find("table", containing=pick["scheduler"])


def test_the_note_leads_to_a_trials_curves(page: Browser, shown: Shown) -> None:
    page.open(shown.answer)
    number, run = shown.best["number"], shown.best["mlflow_run_id"]
    page.open(page.find(f"td a[href*='{run}']", containing=str(number)).get_attribute("href") or "")
    for metric in ("train/loss", "val/loss", "lr"):
        (curve,) = drawn(page, metric, 1)
        assert curve["x"] == [1, 2, 3], metric
        if metric == "val/loss":
            assert min(curve["y"]) == shown.best["value"]


def test_the_report_is_an_artifact_that_is_shown(page: Browser, shown: Shown) -> None:
    way, _, query = shown.answer.partition("?")
    page.open(f"{way}/artifacts/report.html?{query}")
    best = shown.document["picks"][0]
    with page.inside(page.find("iframe")):
        page.find("h2", containing=f"Start {best['optimizer']} with {best['scheduler']} at")
        page.find("p.lr", containing=f"{best['initial_lr']:.3g}")
        assert page.until("[[...document.images].every(image => image.complete && image.naturalWidth > 0)]") == [True]


def test_the_table_of_trials_is_one_click_away_and_best_first(page: Browser, shown: Shown) -> None:
    page.open(shown.answer)
    page.open(page.find("a", containing="all trials, best first").get_attribute("href") or "")
    page.find("[role=grid] a", containing=shown.best["optimizer"])
    row = page.until(
        """(rows => rows.objective && rows)(Object.assign({}, ...[...document.querySelectorAll(
            '[role=grid] [role=row][row-index="0"] [col-id]')].map(cell =>
                ({[cell.getAttribute('col-id').replace(/^.*`(.*)`$/, '$1')]: cell.innerText.trim()}))))"""
    )
    best = shown.best
    wanted = {"optimizer": best["optimizer"], "scheduler": best["scheduler"], "outcome": "COMPLETE", "epochs": "3"}
    assert {name: row.get(name) for name in wanted} == wanted
    assert float(row["initial_lr"]) == pytest.approx(best["initial_lr"])
    assert float(row["objective"]) == pytest.approx(best["value"])
    rows = page.until(
        """(links => links.length >= arguments[0] && links)
            ([...document.querySelectorAll('[role=grid] a[href*="/runs/"]')].map(link => link.href))""",
        len(shown.document["trials"]),
    )
    by_value = sorted(shown.document["trials"], key=lambda trial: trial["value"])
    assert [trial["mlflow_run_id"] in row for trial, row in zip(by_value, rows, strict=False)] == [True] * len(by_value)
