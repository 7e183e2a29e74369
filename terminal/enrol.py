"""A device introduces itself once: public key and one-time code up, terminal number and list key down."""

import json
from dataclasses import dataclass, field
from typing import Any

from card.domain.identity import IdentityFormatError
from card.domain.scene import Place, TerminalId
from keys.algorithms.sm2 import Sm2PrivateKey, Sm2PublicKey
from keys.errors import PublicKeyError
from terminal.errors import NotEnrolledError, WireFormatError
from terminal.memory import Memory
from terminal.uplink import API, Uplink, accepted

_NAME = "enrolment"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the server gave this device. The list key never prints."""

    device_id: str
    terminal: TerminalId
    list_key: bytes = field(repr=False)
    facts_key: Sm2PublicKey
    server_time: int


@dataclass(frozen=True, slots=True)
class Introduction:
    """What the device says of itself. `kind`: bus, hotel, scenic, kiosk, counter, console."""

    device_id: str
    kind: str
    place: Place
    one_time_code: str = field(repr=False)
    psam_no: str = ""


def enrol(uplink: Uplink, memory: Memory, key: Sm2PrivateKey, who: Introduction) -> Enrolment:
    """Enrol and remember. Raises LinkDownError, ServerRefusedError, WireFormatError."""
    body = {
        "device_id": who.device_id,
        "kind": who.kind,
        "operator": who.place.operator,
        "site": who.place.site,
        "place": who.place.region,
        "public_key": key.public.raw().hex(),
        "one_time_code": who.one_time_code,
        "psam_no": who.psam_no,
    }
    answer = accepted(uplink.exchange("POST", f"{API}/devices:enrol", body), "enrolling")
    enrolment = _read(answer)
    kept = {name: answer[name] for name in ("device_id", "terminal_no", "list_key", "facts_key", "server_time")}
    memory.put(_NAME, json.dumps(kept).encode())
    return enrolment


def enrolment_of(memory: Memory) -> Enrolment:
    """What an earlier `enrol` remembered. NotEnrolledError when there is none."""
    stored = memory.get(_NAME)
    if stored is None:
        raise NotEnrolledError("this device has not been enrolled")
    return _read(json.loads(stored))


def _read(answer: dict[str, Any]) -> Enrolment:
    try:
        return Enrolment(
            str(answer["device_id"]),
            TerminalId.parse(answer["terminal_no"]),
            bytes.fromhex(answer["list_key"]),
            Sm2PublicKey.from_bytes(bytes.fromhex(answer["facts_key"])),
            int(answer["server_time"]),
        )
    except (KeyError, TypeError, ValueError, IdentityFormatError, PublicKeyError) as bad:
        raise WireFormatError("answer to the enrolment") from bad
