"""Bodies of enrolment, heartbeat and invitations."""

from typing import Annotated, Literal

from pydantic import Field

from server.http.forms import Answer, Count, Form, Hex6, Hex32, Hex64, Instant, Name, Text

Kind = Literal["bus", "hotel", "scenic", "kiosk", "counter", "console"]
FactsKind = Literal["hotlist", "tariff", "trust", "catalogue", "policy"]


class EnrolForm(Form):
    """Signed by the key it brings. `place` is the region; `psam_no` "" when the device has no PSAM."""

    device_id: Name
    kind: Kind
    operator: Text
    site: Text
    place: Text
    public_key: Hex64
    one_time_code: Annotated[str, Field(min_length=1, max_length=64)]
    psam_no: Hex6 | Literal[""] = ""


class EnrolAnswer(Answer):
    """`list_key` keys the hotlist's hashes; `facts_key` checks every bundle."""

    device_id: str
    terminal_no: Hex6
    list_key: Hex32
    facts_key: Hex64
    server_time: Instant


class HeartbeatForm(Form):
    """`facts` versions held by kind; `oldest_pending_at` 0 when nothing waits."""

    facts: dict[FactsKind, Count]
    pending: Count
    oldest_pending_at: Instant
    clock_ms: Instant


class HeartbeatAnswer(Answer):
    """`wants`: kinds of facts the device should fetch."""

    server_time: Instant
    wants: list[FactsKind]


class InviteForm(Form):
    """A device that is to come. `place` is its region."""

    device_id: Name
    kind: Kind
    operator: Text = ""
    site: Text = ""
    place: Text = ""


class InviteAnswer(Answer):
    """Told once."""

    device_id: str
    one_time_code: str


class DeviceAnswer(Answer):
    """One device as the desk sees it."""

    device_id: str
    terminal_no: Hex6
    kind: Kind
    operator: str
    site: str
    region: str
    enrolled_at: Instant
    seen_at: Instant
    pending: Count
    oldest_pending_at: Instant
    clock_ms: Instant


class DevicesAnswer(Answer):
    devices: list[DeviceAnswer]
