"""Bodies made from the checked-in schema, signed as a device would: whatever comes, no answer is a failure of ours."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.server.house import API, Device, House, open_house
from tests.server.write_openapi import PAGE

SCHEMA = schemathesis.openapi.from_dict(json.loads(PAGE.read_text("utf-8")))
# One operation of each shape: a form with hex, one with a free object, one by path, one by query.
CHOSEN = "/(purse/loads.*|kiosk/statements|codes:check|codes:redeem|heartbeat|notices|facts/.*|events:batch)$"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, Device]]:
    with open_house("sqlite://", Path(tmp_path_factory.mktemp("fuzz")), worker_threads=0) as house:
        yield house, house.enrol("kiosk-1", "kiosk")


@SCHEMA.include(path_regex=CHOSEN).parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_makes_the_server_fail(case: schemathesis.Case, asked: tuple[House, Device]) -> None:
    house, device = asked
    request = case.as_transport_kwargs(base_url="http://testserver")
    sent = house.client.build_request(
        request["method"], request["url"], params=request.get("params"), json=request.get("json")
    )
    path = sent.url.raw_path.decode()
    headers = dict(sent.headers) | device.headers(sent.method, path, sent.content)
    answer = house.client.request(sent.method, sent.url, content=sent.content, headers=headers)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["code"].startswith("E-") and problem["message_zh"] and problem["next_step_en"], problem
    assert path.startswith(API)
