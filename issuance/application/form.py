"""The applicants' file: which columns, which encodings, one `Applicant` per row as it was written."""

import csv
import io
from dataclasses import dataclass, field, fields
from pathlib import Path

from card import text_codec
from card.errors import CardDataError
from issuance.errors import FormHeaderError, FormTextError
from keys.algorithms.sm3 import sm3

MAX_BYTES = 32 * 1024 * 1024
BOM = "\ufeff"
NUL = "\0"


@dataclass(frozen=True, slots=True)
class Applicant:
    """One row, cells stripped and nothing believed yet. Field names are the file's columns; `row` counts from 1."""

    row: int
    name: str = field(repr=False)
    id_type: str
    id_no: str = field(repr=False)
    id_valid_to: str
    sex: str
    nation: str
    birth_date: str
    nationality: str
    region: str
    household_address: str = field(repr=False)
    living_address: str = field(repr=False)
    mobile: str = field(repr=False)
    bank: str
    life_status: str
    photo: str
    guardian_name: str = field(repr=False)
    guardian_id_type: str
    guardian_id_no: str = field(repr=False)
    surplus: int = 0

    @property
    def person(self) -> tuple[str, str]:
        """What makes two rows the same person: kind and number of the document."""
        return self.id_type, self.id_no


COLUMNS = tuple(item.name for item in fields(Applicant) if item.name not in ("row", "surplus"))
_UPPER = frozenset({"id_no", "guardian_id_no", "nationality"})
FIELD_NAMES_ZH = {
    "name": "姓名",
    "id_type": "证件类型",
    "id_no": "证件号码",
    "id_valid_to": "证件有效期",
    "sex": "性别",
    "nation": "民族",
    "birth_date": "出生日期",
    "nationality": "国籍",
    "region": "区划",
    "household_address": "户籍地址",
    "living_address": "居住地址",
    "mobile": "手机号码",
    "bank": "银行",
    "life_status": "生存状态",
    "photo": "照片",
    "guardian_name": "监护人姓名",
    "guardian_id_type": "监护人证件类型",
    "guardian_id_no": "监护人证件号码",
    "columns": "列数",
}


def decode_form(raw: bytes) -> str:
    """Text of the file: UTF-8 (byte order mark allowed), else GB 18030-2022. FormTextError for neither."""
    if len(raw) > MAX_BYTES:
        raise FormTextError(f"larger than {MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError:
        pass
    try:
        return text_codec.decode(raw, text_codec.partner_edition("applicants"), "file")
    except CardDataError:
        raise FormTextError("neither UTF-8 nor GB 18030") from None


def parse_form(raw: bytes) -> list[Applicant]:
    """Every data row in order; lines without any text are not rows. FormTextError, FormHeaderError."""
    text = decode_form(raw)
    if NUL in text:
        raise FormTextError(f"line {text.count(chr(10), 0, text.index(NUL)) + 1}: a zero byte, this is no text file")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = tuple(cell.strip() for cell in next(reader, []))
        if header != COLUMNS:
            missing = tuple(name for name in COLUMNS if name not in header)
            raise FormHeaderError(missing, tuple(name for name in header if name not in COLUMNS))
        rows = [cells for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as bad:
        raise FormTextError(f"line {reader.line_num}: {bad}") from None
    return [_applicant(number, cells) for number, cells in enumerate(rows, start=1)]


def read_form(path: Path) -> tuple[list[Applicant], str]:
    """Rows of a file and its SM3 in hex; FormTextError also when it cannot be opened."""
    try:
        raw = path.read_bytes()
    except OSError as bad:
        raise FormTextError(f"{path.name} cannot be read: {bad.strerror}") from None
    return parse_form(raw), sm3(raw).hex()


def _applicant(number: int, cells: list[str]) -> Applicant:
    padded = [cell.strip() for cell in cells] + [""] * (len(COLUMNS) - len(cells))
    values = {
        name: value.upper() if name in _UPPER else value
        for name, value in zip(COLUMNS, padded[: len(COLUMNS)], strict=True)
    }
    values["name"] = text_codec.normalise(values["name"])
    values["guardian_name"] = text_codec.normalise(values["guardian_name"])
    return Applicant(row=number, surplus=max(0, len(cells) - len(COLUMNS)), **values)
