"""The report page in a real browser: offline, both languages, keyboard, scannable, printable."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page

from tests.demo.conftest import Run

pytestmark = [pytest.mark.pcsc, pytest.mark.browser, pytest.mark.timeout(300)]

SECTIONS = ("day", "timeline", "river", "card", "code", "benefit", "access", "real", "checks", "break", "run")
MOST_PAGES = 14
HAN, LATIN = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]{3}")


@pytest.fixture
def page(browser_page: Page, run: Run) -> Iterator[Page]:
    """The page opened from its file; any request that leaves the machine fails the test."""
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.goto((run.path / "report.html").as_uri())
    yield browser_page
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_eleven_sections_with_something_in_each(page: Page) -> None:
    for name in SECTIONS:
        text = page.locator(f"#{name}").inner_text()
        assert len(text) > 20, name
        assert HAN.search(text) and LATIN.search(text), f"{name} is not in both languages"
    assert page.locator("section").count() == len(SECTIONS) - 1
    links = page.locator("nav a").evaluate_all("all => all.map(a => a.getAttribute('href').slice(1))")
    assert links == list(SECTIONS[1:])


def test_five_figures_and_nothing_unaccounted(page: Page) -> None:
    figures = page.locator(".figure b").all_inner_texts()
    assert len(figures) == 5
    assert figures[-1] == "0"
    assert all(re.fullmatch(r"[\d,]+", figure) and figure != "0" for figure in figures[:-1])


def test_about_sixteen_panels_and_no_banner(page: Page) -> None:
    assert 14 <= page.locator(".panel").count() <= 24
    assert page.locator(".panel .fault").count() >= 5
    assert page.locator(".banner").count() == 0


def test_nothing_is_wider_than_the_window(page: Page) -> None:
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, width


def test_large_print_works_by_keyboard(page: Page) -> None:
    button = page.locator("#large")
    before = page.locator("main p").first.evaluate("p => parseFloat(getComputedStyle(p).fontSize)")
    for _ in range(40):
        page.keyboard.press("Tab")
        if button.evaluate("b => b === document.activeElement"):
            break
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    after = page.locator("main p").first.evaluate("p => parseFloat(getComputedStyle(p).fontSize)")
    assert after >= before * 1.2
    page.keyboard.press("Space")
    assert button.get_attribute("aria-pressed") == "false"


def test_a_benefit_square_shows_its_life(page: Page, run: Run) -> None:
    squares = page.locator(".squares button")
    assert squares.count() >= run.evidence("benefit_run")["lines"]
    lives = set()
    for number in (0, squares.count() - 1):
        squares.nth(number).focus()
        page.keyboard.press("Enter")
        lives.add(page.locator("#life").inner_text())
    assert len(lives) == 2
    assert all(len(life.splitlines()) >= 2 for life in lives)


def test_a_foreign_reader_decodes_the_code_from_the_screen(page: Page, run: Run) -> None:
    picture = Image.open(io.BytesIO(page.locator(".qr svg").screenshot()))
    found = zxingcpp.read_barcodes(picture)
    assert [code.bytes for code in found] == [(run.path / "codes" / "camera.bin").read_bytes()]


def test_the_code_is_coloured_byte_for_byte(page: Page, run: Run) -> None:
    shown = "".join(page.locator("#code .bytes mark").all_inner_texts())
    assert bytes.fromhex(shown) == (run.path / "codes" / "camera.bin").read_bytes()


def test_it_prints_to_a_few_pages(page: Page, tmp_path: Path) -> None:
    page.pdf(path=str(tmp_path / "report.pdf"), format="A4", print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "report.pdf").read_bytes()))
    assert 3 <= pages <= MOST_PAGES


def test_it_works_without_script(run: Run) -> None:
    assert "http://" not in run.page.replace("http://www.w3.org/", "") and "https://" not in run.page
