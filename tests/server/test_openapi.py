"""The checked-in schema is the server's own: terminal and server tests both read this one file."""

import json
from pathlib import Path

from tests.server.house import open_house
from tests.server.write_openapi import PAGE


def test_the_checked_in_schema_is_the_servers(tmp_path: Path) -> None:
    with open_house("sqlite://", tmp_path) as house:
        schema = house.app.openapi()
    written = json.loads(PAGE.read_text("utf-8"))
    assert written == json.loads(json.dumps(schema)), "run: python -m tests.server.write_openapi"


def test_every_operation_answers_with_problems_and_says_what_it_does() -> None:
    for path, methods in json.loads(PAGE.read_text("utf-8"))["paths"].items():
        for method, operation in methods.items():
            assert "4XX" in operation["responses"], (path, method)
            assert operation.get("description"), (path, method)
