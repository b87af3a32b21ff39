"""What a person sees of a report, in a real browser: on a desk, on a phone, at night, on paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.report import report_html
from service.store import Store
from tests.service.browser import Browser, chromium
from tests.service.report.conftest import full_sweep

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def page() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where a report with hostile names lies, as a file on the disk."""
    folder: Path = tmp_path_factory.mktemp("report")
    with Store.open(f"sqlite:///{folder / 'lrsweep.db'}") as store:
        sweep = full_sweep(store)
        (folder / "report.html").write_text(report_html(store, sweep.id), encoding="utf-8")
    return (folder / "report.html").as_uri()


VIEWS = [(1280, False, "screen"), (390, False, "screen"), (390, True, "screen"), (794, False, "print")]


@pytest.mark.parametrize(("width", "dark", "media"), VIEWS)
def test_all_of_it_is_within_the_window(page: Browser, address: str, width: int, dark: bool, media: str) -> None:
    page.look(width, dark=dark, media=media)
    page.open(address)
    page.find("h2", containing="Start SGD with StepLR at")
    assert page.until("[document.documentElement.scrollWidth]") == [page.until("document.documentElement.clientWidth")]
    beyond = """[[...document.querySelectorAll('body *')].filter(e => e.checkVisibility())
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1)
        .filter(e => getComputedStyle(e).display !== 'inline')
        .map(e => e.tagName + ' ' + e.textContent.slice(0, 40))]"""
    assert page.until(beyond) == [[]]


@pytest.mark.parametrize(("width", "dark", "media"), VIEWS)
def test_every_picture_is_shown_at_a_size_to_read(
    page: Browser, address: str, width: int, dark: bool, media: str
) -> None:
    page.look(width, dark=dark, media=media)
    page.open(address)
    sizes = page.until("[...document.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width])")
    assert len(sizes) >= 10
    # Drawn for 350 pixels: nine point letters stay above seven.
    assert all(complete and natural > 0 and shown >= 270 for complete, natural, shown in sizes)


def test_names_of_the_catalogue_stay_whole_in_tables(page: Browser, address: str) -> None:
    page.look(794, media="print")
    page.open(address)
    lines = page.until(
        """[...document.querySelectorAll('td.name, th:not(.breaks)')]
            .filter(e => e.checkVisibility() && !/\\s/.test(e.textContent))
            .map(e => { const range = document.createRange(); range.selectNodeContents(e);
                return [e.textContent, range.getClientRects().length] })"""
    )
    assert ["StepLR", 1] in lines
    assert [name for name, count in lines if count > 1] == []


def test_on_paper_the_sentences_of_a_pick_have_a_line_of_their_own(page: Browser, address: str) -> None:
    # What the margins leave of an A4 page.
    page.look(688, media="print")
    page.open(address)
    cells = page.until("[...document.querySelectorAll('.evidence td.long')].map(e => [e.textContent, e.offsetWidth])")
    assert any("of its value is luck" in text for text, _ in cells)
    assert all(width > 600 for text, width in cells if text)


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(page: Browser, address: str, dark: bool) -> None:
    page.look(1280, dark=dark)
    page.open(address)
    ratios = page.until(
        """(() => {
            const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(Number)
                .map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b };
            const ground = e => { for (; e; e = e.parentElement) {
                const c = getComputedStyle(e).backgroundColor; if (!c.startsWith('rgba(0, 0, 0, 0')) return c }
                return 'rgb(255, 255, 255)' };
            return [...document.querySelectorAll('h1, h2, p, dt, dd, td, th, li, code, summary')]
                .filter(e => e.checkVisibility() && e.textContent.trim())
                .map(e => [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a))
                .map(([high, low]) => (high + 0.05) / (low + 0.05)) })()"""
    )
    # WCAG 2.2, success criterion 1.4.3.
    assert min(ratios) >= 4.5


def test_hostile_names_run_nothing_and_nothing_is_fetched(page: Browser, address: str) -> None:
    page.look(1280)
    page.open(address)
    assert page.until("document.title").startswith("demo")
    assert page.until("[document.scripts.length]") == [0]
    fetched = page.until("[performance.getEntriesByType('resource').map(e => e.name)]")[0]
    assert [name for name in fetched if not name.startswith("data:")] == []
