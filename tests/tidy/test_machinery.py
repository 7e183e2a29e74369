"""The tests' own machinery: databases are separate, pages are served."""

import os

import psycopg
import pytest
from playwright.sync_api import Page

from tests.pg_cluster import Databases
from tests.required import missing


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


@pytest.mark.pg
def test_two_databases_of_one_template_do_not_share_rows(pg_databases: Databases) -> None:
    def prepare(url: str) -> None:
        with psycopg.connect(_plain(url)) as connection:
            connection.execute("CREATE TABLE note (word text)")

    first, second = (pg_databases.fresh("tidy_template", prepare) for _ in range(2))
    with psycopg.connect(_plain(first)) as connection:
        connection.execute("INSERT INTO note VALUES ('社会保障卡')")
    with psycopg.connect(_plain(second)) as connection:
        assert connection.execute("SELECT count(*) FROM note").fetchone() == (0,)


@pytest.mark.pg
def test_the_cluster_listens_on_no_address(pg_url: str) -> None:
    with psycopg.connect(_plain(pg_url)) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.browser
def test_the_browser_runs_a_script(browser_page: Page) -> None:
    browser_page.set_content("<p id=x></p><script>document.getElementById('x').textContent = '一卡通'</script>")
    assert browser_page.text_content("#x") == "一卡通"


def test_a_required_component_fails_instead_of_skipping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "ONECARD_REQUIRE", "pcsc, pg")
    with pytest.raises(pytest.fail.Exception, match="pg is required"):
        missing("pg", "not here")
    with pytest.raises(pytest.skip.Exception):
        missing("browser", "not here")
