"""A browser for tests of pages: Debian's Chromium driven by Playwright, offline. A pytest plugin."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from firmware_sim.installed import find_chromium
from tests.required import missing

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
VIEWPORT_WIDTH = 1280
VIEWPORT_HEIGHT = 900


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium per worker; the test is skipped (or fails) where there is none."""
    program = find_chromium()
    if program is None:
        missing("browser", "no Chromium (Debian: chromium)")
    with sync_playwright() as play:
        try:
            running = play.chromium.launch(executable_path=str(program), headless=True, args=ARGUMENTS)
        except Error as error:
            missing("browser", f"Chromium does not start: {str(error).splitlines()[0]}")
        yield running
        running.close()


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A fresh page in a fresh context. Anything a page writes to the console as an error fails the test."""
    context = browser.new_context(viewport={"width": VIEWPORT_WIDTH, "height": VIEWPORT_HEIGHT}, locale="zh-CN")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not complaints, f"the page complained: {complaints}"
