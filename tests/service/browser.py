"""A real Chromium, driven as a person would use it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from selenium.common import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.conftest import missing

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    # Shared memory is 64 MB in a container, too little for a page.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1400",
)
_PATIENCE = 60.0
"""Seconds to wait for what a page must show: MLflow's pages take a few of them to load on a busy machine."""


Found = TypeVar("Found")


class Browser:
    """A browser with one page, which waits for what it is asked for."""

    def __init__(self, driver: Chrome):
        self._driver = driver

    def open(self, address: str) -> None:
        """Opens a page anew, even where only what stands behind the # differs from the page before."""
        self._driver.get("about:blank")
        self._driver.get(address)

    def remember(self, address: str, name: str, value: str) -> None:
        """Lets the site of this address find a value in the browser's storage, as it leaves them for its next visit."""
        self._driver.get(address)
        self._driver.execute_script("localStorage.setItem(arguments[0], arguments[1])", name, value)

    @contextmanager
    def inside(self, frame: WebElement) -> Iterator[None]:
        """Looks for elements inside a frame of the page, while the block runs."""
        self._driver.switch_to.frame(frame)
        yield
        self._driver.switch_to.default_content()

    def look(self, width: int, height: int = 900, *, dark: bool = False, media: str = "screen") -> None:
        """Looks through a window of this many pixels, a phone's below 600, with the colours that a person prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})

    def picture(self) -> bytes:
        """What is in the window now, as PNG."""
        return self._driver.get_screenshot_as_png()

    def find(self, selector: str, *, containing: str = "") -> WebElement:
        """The first visible element of this CSS selector that contains the text, once there is one."""
        script = """
            return [...document.querySelectorAll(arguments[0])]
                .find(element => element.checkVisibility() && element.textContent.includes(arguments[1]))
        """
        return self._waited(
            lambda driver: driver.execute_script(script, selector, containing),
            f"{selector} that contains '{containing}'",
        )

    def until(self, expression: str, *arguments: object) -> Any:
        """The value of a JavaScript expression over `arguments`, once it is true."""
        return self._waited(lambda driver: driver.execute_script(f"return {expression}", *arguments), expression)

    def _waited(self, condition: Callable[[Chrome], Found], what: str) -> Found:
        try:
            return WebDriverWait(self._driver, _PATIENCE).until(condition)
        except TimeoutException:
            shown = self._driver.execute_script("return document.body.innerText")
            raise AssertionError(f"{self._driver.current_url} never had {what}; it shows:\n{shown}") from None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium with a profile of its own; skips the test where there is none."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        missing("Chromium and its driver are not installed (Debian: apt-get install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = browser
    with tempfile.TemporaryDirectory(prefix="lrsweep-chromium-", ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        running = Chrome(options, ChromeService(driver))
        try:
            yield Browser(running)
        finally:
            running.quit()
