"""A report says what the store knows, at whatever stage the sweep is, and shows users' words as words."""

import base64
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from service.records import Status
from service.report import report_html
from service.report.cost import costs
from service.store import Store
from sweeps.pickevidence import Luck
from sweeps.records import Outcome
from tests.service.report.conftest import HOSTILE, full_sweep
from tests.service.tracking.conftest import SPEC, Sweep


class Page(HTMLParser):
    """The text of a page, its tags and its pictures, as a parser of somebody else's sees them."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.pictures: dict[str, str] = {}
        self._inside = ""
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag
        given = dict(attrs)
        assert not any(name.startswith("on") for name in given), given
        if tag == "img":
            self.pictures[given["alt"] or ""] = given["src"] or ""

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "title"):
            self.text += data
        if self._inside == "h2" and data.strip():
            self.headings.append(data.strip())


@pytest.fixture
def page(full: Sweep) -> Page:
    return Page(report_html(full.store, full.id))


def test_the_answer_comes_first_with_what_it_holds_for(page: Page, full: Sweep) -> None:
    best = full.store.picks(full.id)[0]
    answer, number, lines = (page.text.index(part) for part in ("Start SGD with StepLR at", "0.1", "torch.optim.SGD"))
    assert answer < number < lines
    assert f"LRs from {best.low:.2g} to {best.high:.2g} did as well within 5 %." in page.text
    for name in ("budget", "9 epochs", "seeds", "evidence"):
        assert name in page.text


def test_it_says_how_lucky_the_winner_may_be_and_warns_of_it(page: Page) -> None:
    words = "62 % of repeats, against 3 rivals; 0.012 of its value is luck"
    assert page.text.count(words) == 3, "beside each pick"
    answer = page.text[page.text.index("Start SGD with StepLR at") : page.text.index("Warnings")]
    assert answer.count("would win again in 62 % of repeats: expect it") == answer.count("win again") == 1
    warnings = page.text[page.text.index("Warnings") : page.text.index("Best initial LR of every pair")]
    assert "would win again in 62 % of repeats: expect it about 0.012 worse than its value" in warnings
    assert "The best of many noisy values is lucky as well as good" in page.text


def test_a_winner_without_rivals_is_said_to_win_again(store: Store) -> None:
    sweep = Sweep(store)
    sweep.train(0)
    sweep.pick(0, luck=Luck(noise=0.02, source="seeds", wins=1.0, optimism=0.0, rivals=0))
    sweep.finish()
    answer, _, _ = Page(report_html(store, sweep.id)).text.partition("Best initial LR of every pair")
    assert "It would win again in 100 % of repeats: no rival comes near." in answer


def test_what_nothing_says_the_noise_of_is_not_called_lucky(store: Store) -> None:
    sweep = Sweep(store)
    sweep.train(0)
    sweep.pick(0)
    sweep.finish()
    assert "win again" not in Page(report_html(store, sweep.id)).text


def test_everything_that_was_asked_of_a_report_is_in_it(page: Page) -> None:
    assert page.headings == [
        "Start SGD with StepLR at",
        "Warnings",
        "Best initial LR of every pair",
        "LR sensitivity",
        "Best curves",
        "Schedules",
        "Range tests",
        "What mattered, and what it cost",
    ]
    drawn = " ".join(page.pictures)
    for part in (
        "initial LR of SGD",
        "initial LR of AdamW",
        "LR range test of AdamW",
        "Parameter importance",
        "Epochs",
    ):
        assert part in drawn


def test_pictures_are_whole_and_none_is_empty(page: Page) -> None:
    assert len(page.pictures) >= 10
    for alt, source in page.pictures.items():
        kind, _, content = source.partition(";base64,")
        assert kind == "data:image/svg+xml"
        svg = ElementTree.fromstring(base64.b64decode(content))
        lines = [each for each in svg.iter("{http://www.w3.org/2000/svg}path") if each.get("clip-path")]
        assert lines, f"nothing is drawn in {alt}"


def test_users_words_stay_words(page: Page) -> None:
    assert "script" not in page.tags
    assert page.tags.count("style") == 1
    assert page.text.count(HOSTILE) >= 5


def test_nothing_is_fetched_from_elsewhere(full: Sweep) -> None:
    html = report_html(full.store, full.id)
    assert re.findall(r"""(?:src|href)=["'](?!data:)[^"']*|url\((?!#)[^)]*\)|@import""", html) == []
    assert "default-src 'none'" in html


def test_costs_add_up(full: Sweep) -> None:
    trials = full.store.trials(full.id)
    *rows, whole = costs(trials)
    assert whole.outcome == "all"
    assert sum(row.trials for row in rows) == whole.trials == 40
    assert sum(row.epochs for row in rows) == whole.epochs == sum(trial.epochs for trial in trials)
    assert sum(row.seconds for row in rows) == pytest.approx(whole.seconds)
    by_outcome = {row.outcome: row.trials for row in rows}
    assert by_outcome == {"complete": 25, "pruned": 5, "diverged": 5, "failed": 5}


def test_warnings_hold_every_doubt(page: Page) -> None:
    warnings = page.text[page.text.index("Warnings") : page.text.index("Best initial LR of every pair")]
    for said in ("at the upper bound", "not to be trusted", "it means nothing; leave it out", "trial 23", "ValueError"):
        assert said in warnings


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RUNNING, Status.INTERRUPTED, Status.FAILED, Status.CANCELLED])
def test_a_sweep_that_found_nothing_says_so(empty: Sweep, status: Status) -> None:
    if status not in (Status.QUEUED, Status.RUNNING):
        empty.finish(status, "the disk is full" if status is Status.FAILED else None)
    page = Page(report_html(empty.store, empty.id))
    assert "No initial LR to recommend" in page.text
    assert page.pictures == {}
    assert ("the disk is full" in page.text) == (status is Status.FAILED)


def test_a_running_sweep_shows_how_far_it_is(empty: Sweep) -> None:
    empty.range_test()
    empty.train(0)
    empty.propose(1)
    empty.report(1, 1)
    page = Page(report_html(empty.store, empty.id))
    assert "1 of 8 trials ended" in page.text
    assert "unfinished" in page.text
    assert "Parameter importance is left out" in page.text


def test_range_tests_alone_answer_too(store: Store) -> None:
    sweep = Sweep(store, SPEC | {"trials": 0})
    sweep.range_test("SGD", interval=(0.004, 0.02))
    sweep.finish()
    page = Page(report_html(store, sweep.id))
    assert "Start SGD at" in page.text
    assert "It may lie anywhere from 0.004 to 0.02." in page.text


def test_every_outcome_has_its_place_in_the_timeline(page: Page, full: Sweep) -> None:
    (timeline,) = (source for alt, source in page.pictures.items() if alt.startswith("Epochs"))
    svg = base64.b64decode(timeline.partition(";base64,")[2]).decode()
    present = {trial.outcome for trial in full.store.trials(full.id)}
    assert present == set(Outcome) - {Outcome.CANCELLED}
    for word in ("complete", "pruned", "diverged", "failed", "rung"):
        assert f"<!-- {word} -->" in svg


def test_a_long_name_is_no_trouble(store: Store) -> None:
    sweep = full_sweep(store, metric="val/" + "very_" * 40 + "long", error="x" * 3000)
    assert "very_very" in Page(report_html(store, sweep.id)).text
