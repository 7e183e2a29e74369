"""API pages work without a network, and a closed server leaves the memory."""

import gc
import re
import weakref
from pathlib import Path

import pytest

from server.http.pages import DOCS, REDOC
from tests.server.house import open_house


@pytest.mark.parametrize("page", [DOCS, REDOC])
def test_a_page_brings_its_own_files(tmp_path: Path, page: str) -> None:
    with open_house("sqlite://", tmp_path, worker_threads=0) as house:
        text = house.client.get(page).text
        files = re.findall(r'(?:src|href)="([^"]+\.(?:js|css|png))"', text)
        assert files and all(name.startswith("/") for name in files), files
        assert all(house.client.get(name).status_code == 200 for name in files)
        assert house.client.get("/", follow_redirects=False).headers["location"] == DOCS


def test_a_closed_server_leaves_the_memory(tmp_path: Path) -> None:
    with open_house("sqlite://", tmp_path, worker_threads=0) as house:
        assert house.client.get(DOCS).status_code == 200
        app = weakref.ref(house.app)
    del house
    gc.collect()
    assert app() is None
