"""Who may ask: signatures, time, nonces, kinds, one-time codes; and how refusals look."""

import pytest

from tests.server.house import CONSOLE_CODE, Device, House, introduction


def test_a_device_is_enrolled_once_with_its_code(house: House) -> None:
    wish = {"device_id": "bus-1", "kind": "bus", "operator": "haikou-bus", "site": "K1", "place": "460100"}
    code = house.console.post("/operator/devices:invite", wish)["one_time_code"]
    device = house.enrol("bus-1", "bus", psam_no="460000000001", code=code)
    assert device.terminal_no == "460000000001"
    assert device.list_key == house.centre.list_key()
    again = device.call("POST", "/devices:enrol", introduction(device, "bus", code))
    assert (again.status, again.body["code"]) == (403, "E-ENROL-CODE")


@pytest.mark.parametrize("change", [{"kind": "hotel"}, {"device_id": "bus-2"}])
def test_a_code_is_good_for_one_device_of_one_kind(house: House, change: dict[str, str]) -> None:
    wish = {"device_id": "bus-1", "kind": "bus", "operator": "", "site": "", "place": ""}
    code = house.console.post("/operator/devices:invite", wish)["one_time_code"]
    device = Device(house, "bus-1", house.key())
    body = introduction(device, "bus", code) | change
    reply = device.call("POST", "/devices:enrol", body)
    assert (reply.status, reply.body["code"]) == (403, "E-ENROL-CODE")


def test_the_new_key_must_sign_its_own_enrolment(house: House) -> None:
    wish = {"device_id": "bus-1", "kind": "bus", "operator": "", "site": "", "place": ""}
    code = house.console.post("/operator/devices:invite", wish)["one_time_code"]
    thief, other = Device(house, "bus-1", house.key()), Device(house, "bus-1", house.key())
    reply = thief.call("POST", "/devices:enrol", introduction(other, "bus", code))
    assert (reply.status, reply.body["code"]) == (401, "E-REQUEST-SIGNATURE")
    assert other.call("POST", "/devices:enrol", introduction(other, "bus", code)).status == 200


def test_terminal_numbers_belong_to_one_device(house: House) -> None:
    house.enrol("bus-1", "bus", psam_no="460000000001")
    with pytest.raises(AssertionError, match="E-TERMINAL-NUMBER"):
        house.enrol("bus-2", "bus", psam_no="460000000001")
    assert house.enrol("bus-3", "bus").terminal_no != house.enrol("bus-4", "bus").terminal_no


@pytest.mark.parametrize(
    "header, value, code",
    [
        ("Onecard-Device", "nobody", "E-DEVICE-UNKNOWN"),
        ("Onecard-Time", "17", "E-REQUEST-SIGNATURE"),
        ("Onecard-Time", "soon", "E-REQUEST-UNSIGNED"),
        ("Onecard-Nonce", "00" * 16, "E-REQUEST-SIGNATURE"),
        ("Onecard-Nonce", "", "E-REQUEST-UNSIGNED"),
        ("Onecard-Signature", "00" * 64, "E-REQUEST-SIGNATURE"),
        ("Onecard-Signature", "xyz", "E-REQUEST-UNSIGNED"),
    ],
)
def test_a_changed_header_is_refused(house: House, header: str, value: str, code: str) -> None:
    reply = house.console.call("GET", "/operator/devices", **{header: value})
    assert (reply.status, reply.body["code"]) == (401, code)


def test_a_changed_body_or_query_is_refused(house: House) -> None:
    headers = house.console.headers("GET", "/api/v1/notices?after=0", b"")
    answer = house.client.get("/api/v1/notices?after=9", headers=headers)
    assert answer.json()["code"] == "E-REQUEST-SIGNATURE"


def test_a_request_is_good_once(house: House) -> None:
    headers = house.console.headers("GET", "/api/v1/operator/devices", b"")
    first = house.client.get("/api/v1/operator/devices", headers=headers)
    second = house.client.get("/api/v1/operator/devices", headers=headers)
    assert (first.status_code, second.status_code) == (200, 401)
    assert second.json()["code"] == "E-REQUEST-REPLAYED"


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_request_outside_its_window_is_refused(house: House, seconds: int) -> None:
    headers = house.console.headers("GET", "/api/v1/operator/devices", b"")
    house.clock.advance(seconds)
    answer = house.client.get("/api/v1/operator/devices", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "E-REQUEST-TIME")


def test_a_terminal_may_not_sit_at_the_desk(house: House) -> None:
    reply = house.enrol("bus-1", "bus").call("GET", "/operator/invariants")
    assert (reply.status, reply.body["code"]) == (403, "E-DEVICE-KIND")


def test_refusals_are_problems_in_both_languages_and_name_fields_only(house: House) -> None:
    bus = house.enrol("bus-1", "bus")
    reply = bus.call("POST", "/heartbeat", {"facts": {}, "pending": "460100199001011234", "clock_ms": 0})
    assert reply.status == 422
    assert set(reply.body) == {
        "type",
        "title",
        "status",
        "detail",
        "code",
        "message_zh",
        "message_en",
        "next_step_zh",
        "next_step_en",
    }
    assert all(reply.body.values())
    assert reply.body["detail"] == "fields: oldest_pending_at, pending"
    assert house.client.get("/api/v1/nothing").json()["code"] == "E-NOT-FOUND"


def test_the_console_code_is_used_up(house: House) -> None:
    reply = house.console.call("POST", "/devices:enrol", introduction(house.console, "console", CONSOLE_CODE))
    assert reply.body["code"] == "E-ENROL-CODE"
