"""What stands on one card: its identity, and the value of every field of every file, in the profiles' own terms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from card import text_codec
from card.domain.identity import CardId, CardNumber, IdType, RegionCode
from card.errors import ProfileError
from card.files import codecs
from card.files.codecs import Value
from card.files.kinds import CyclicEf, RecordEf
from card.files.profile import AtrSpec, CardIdSpec, PinSpec, Profile
from card.files.tree import FileTree
from issuance.numbers import PurseSerial
from issuance.reference import TransitCodes
from issuance.rows import PersonRow
from keys.centre import KeyCentre

T = TypeVar("T")
SERIAL_LENGTH = 3
FACTOR_LENGTH = 8
_BIRTH_PLACE = 6


@dataclass(frozen=True, slots=True)
class Identity:
    """What binds one chip to one order before its first secret is written. Dates "YYYYMMDD"."""

    region: RegionCode
    chip_serial: bytes
    card_id: CardId
    card_no: CardNumber
    purse: PurseSerial
    issuer: bytes
    ecard_serial: str
    issued: str
    valid_to: str
    atr: bytes
    f_city: bytes
    f_card: bytes


@dataclass(frozen=True, slots=True)
class IssuerMarks:
    """What a card says of its issuer; configuration (card §1.4, §1.13). `issuer` 8 bytes, `init_org` 24 digits."""

    issuer: bytes
    init_org: str
    card_class: str = "3"


@dataclass(frozen=True, slots=True)
class Content:
    """Encoded content by file path: records as tag ‖ length ‖ value in order, a transparent file as one run."""

    files: Mapping[str, tuple[bytes, ...]] = field(repr=False)


class CardModel:
    """The profiles of the cards this branch makes, looked at as one chip."""

    def __init__(self, *profiles: str) -> None:
        self.tree = FileTree.of(*profiles)

    @property
    def card_profile(self) -> Profile:
        return next(profile for profile in self.tree.profiles if profile.atr is not None)

    @property
    def purse_profile(self) -> Profile | None:
        return next((profile for profile in self.tree.profiles if profile.purse is not None), None)

    @property
    def atr(self) -> AtrSpec:
        return _declared(self.card_profile.atr)

    @property
    def card_id(self) -> CardIdSpec:
        return _declared(self.card_profile.card_id)

    @property
    def pin(self) -> PinSpec:
        return _declared(self.card_profile.pin)


def _declared(part: T | None) -> T:
    if part is None:
        raise ProfileError("the card profile lacks a table that personalisation needs")
    return part


def make_identity(
    model: CardModel,
    centre: KeyCentre,
    *,
    region: RegionCode,
    chip_serial: int,
    card_no: CardNumber,
    purse: PurseSerial,
    issuer: bytes,
    ecard_serial: str,
    issued: str,
    valid_to: str,
) -> Identity:
    """The identity of the chip that will have this serial; its identification code carries the centre's MAC."""
    serial = chip_serial.to_bytes(SERIAL_LENGTH, "big")
    atr = model.atr.build(region.bcd, serial)
    historical = atr[-model.atr.historical_length :]
    f_card = historical[-FACTOR_LENGTH:]
    # card §1.10: region 3 ‖ RID 5 ‖ the last 4 historical bytes ‖ first 4 bytes of a MAC under the card's IRK
    first12 = region.bcd + model.card_id.rid + historical[-model.card_id.serial_length :]
    mac = centre.card_id_mac(region.city_factor, f_card, first12)
    return Identity(
        region=region,
        chip_serial=serial,
        card_id=CardId(first12 + mac[: model.card_id.mac_length]),
        card_no=card_no,
        purse=purse,
        issuer=issuer,
        ecard_serial=ecard_serial,
        issued=issued,
        valid_to=valid_to,
        atr=atr,
        f_city=region.city_factor,
        f_card=f_card,
    )


def make_content(
    model: CardModel, identity: Identity, person: PersonRow, marks: IssuerMarks, transit: TransitCodes
) -> Content:
    """Every record and file that the issuer fills, encoded. FieldError for a value the card has no room for."""
    values = _card_values(model, identity, person, marks)
    values.update(_purse_values(identity, transit))
    files: dict[str, tuple[bytes, ...]] = {}
    for directory in model.tree.dirs:
        for ef in model.tree.files_of(directory.name):
            if isinstance(ef, CyclicEf) or not ef.personalised:
                continue
            given, edition = values.get(ef.path, {}), model.tree.edition_of(ef)
            if isinstance(ef, RecordEf):
                files[ef.path] = tuple(codecs.encode_record(item, given[item.name], edition) for item in ef.records)
            else:
                files[ef.path] = (codecs.encode_fields(ef.fields, given, edition),)
    return Content(files)


def _card_values(
    model: CardModel, identity: Identity, person: PersonRow, marks: IssuerMarks
) -> dict[str, dict[str, Value]]:
    name = text_codec.split_name(person.name, model.card_profile.text_codec)
    born_in = person.id_no[:_BIRTH_PLACE] if person.id_type == IdType.CITIZEN.value else ""
    return {
        "SSSE/EF05": {
            "card_id": identity.card_id.raw,
            "card_class": marks.card_class,
            "version": model.card_profile.version,
            "init_org": marks.init_org,
            "issued": identity.issued,
            "valid_to": identity.valid_to,
            "card_no": identity.card_no.text,
        },
        "SSSE/EF06": {
            # The number of another document stands in the same record, as it is (declared; card §5, C).
            "citizen_no": person.id_no,
            "name": name.first_text,
            "name_ext": name.rest_text,
            "sex": person.sex,
            "nation": person.nation,
            "birth_place": born_in,
            "birth_date": person.birth_date,
        },
        "DF01/EF05": {
            "household_type": "",
            "household_address": person.household_address,
            "household_region": person.region,
        },
        "DF01/EF06": {
            "living_address": person.living_address,
            "living_region": person.region,
            "phone": person.mobile,
            "contact_name": person.guardian_name,
            "contact_phone": "",
        },
    }


def _purse_values(identity: Identity, transit: TransitCodes) -> dict[str, dict[str, Value]]:
    return {
        "EP/0015": {
            "issuer": identity.issuer,
            "app_type": b"\x02",
            "app_version": b"\x02",
            "serial": identity.purse.digits,
            "start_date": identity.issued,
            "valid_to": identity.valid_to,
            "fci_data": bytes(2),
        },
        # File 0016 is free to read: it carries kinds only, no name and no number (declared).
        "EP/0016": {
            "holder_type": b"\x00",
            "staff_mark": b"\x00",
            "holder_name": "",
            "holder_id_no": "",
            "holder_id_type": b"\x00",
        },
        "EP/0017": {
            "country": bytes.fromhex("00000156"),  # keys-and-purse §1.2 (A)
            "province": bytes.fromhex(transit.province),
            "city": bytes.fromhex(transit.city_of(identity.region)),
            "interop_kind": bytes.fromhex("0001"),
            # 1 ordinary for everybody: age decides on the day of the ride, not on the day of making
            "card_kind": b"\x01",
            "rfu": bytes(49),
        },
    }
