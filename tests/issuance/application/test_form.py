"""The applicants' file: columns, encodings, rows."""

from pathlib import Path

import pytest

from issuance.application.form import COLUMNS, parse_form, read_form
from issuance.errors import FormHeaderError, FormTextError
from tests.issuance.office import row, write_form

AGREED = (
    "name,id_type,id_no,id_valid_to,sex,nation,birth_date,nationality,region,household_address,living_address,mobile,"
    "bank,life_status,photo,guardian_name,guardian_id_type,guardian_id_no"
)


def test_columns_are_the_agreed_ones_in_order() -> None:
    assert ",".join(COLUMNS) == AGREED


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_every_encoding_gives_the_same_rows(tmp_path: Path, encoding: str) -> None:
    rows, _ = read_form(write_form(tmp_path / "form.csv", [row(name="陈喆堃"), row(name="王𠮷祥")], encoding))
    assert [item.name for item in rows] == ["陈喆堃", "王𠮷祥"]
    assert [item.row for item in rows] == [1, 2]


def test_a_code_that_moved_in_2022_is_read_by_the_new_edition() -> None:
    # FE59 is U+9FB4 since GB 18030-2022; the language's own codec says U+E81E
    raw = f"{AGREED}\n".encode() + row()["name"].encode("gb18030")
    text = ",".join(row()[name] for name in COLUMNS[1:])
    raw = f"{AGREED}\n".encode() + b"\xfe\x59," + text.encode("gb18030") + b"\n"
    assert parse_form(raw)[0].name == "\u9fb4"


def test_dots_of_a_name_become_one_kind() -> None:
    text = AGREED + "\n" + ",".join({**row(), "name": "买买提•吐尔逊"}[name] for name in COLUMNS)
    assert parse_form(text.encode())[0].name == "买买提·吐尔逊"


def test_lines_without_text_are_no_rows_and_blanks_are_stripped() -> None:
    line = ",".join(f" {row()[name]} " for name in COLUMNS)
    rows = parse_form(f"{AGREED}\r\n\r\n{line}\r\n,,,\r\n{line}\r\n".encode())
    assert [item.row for item in rows] == [1, 2]
    assert rows[1].name == "王小明"


@pytest.mark.parametrize(
    ("header", "missing", "extra"),
    [
        (AGREED.replace(",mobile", ""), ("mobile",), ()),
        (AGREED + ",remark", (), ("remark",)),
        (AGREED.replace("name,id_type", "id_type,name"), (), ()),
        ("", COLUMNS, ()),
        ("姓名,证件", COLUMNS, ("姓名", "证件")),
    ],
    ids=["missing", "extra", "order", "empty", "other"],
)
def test_another_header_refuses_the_file(header: str, missing: tuple[str, ...], extra: tuple[str, ...]) -> None:
    with pytest.raises(FormHeaderError) as bad:
        parse_form((header + "\n").encode())
    assert (bad.value.missing, bad.value.extra) == (missing, extra)


@pytest.mark.parametrize("raw", [b"\xff\xff\xff\x00", AGREED.encode() + b"\n\x81"], ids=["neither", "cut character"])
def test_bytes_that_are_no_text_refuse_the_file(raw: bytes) -> None:
    with pytest.raises(FormTextError):
        parse_form(raw)


def test_a_missing_file_is_a_form_error(tmp_path: Path) -> None:
    with pytest.raises(FormTextError):
        read_form(tmp_path / "nowhere.csv")


def test_a_row_with_too_many_cells_is_marked() -> None:
    line = ",".join(row()[name] for name in COLUMNS)
    assert parse_form(f"{AGREED}\n{line},more\n".encode())[0].surplus == 1
    assert parse_form(f"{AGREED}\n王\n".encode())[0].id_no == ""


def test_no_personal_data_in_repr() -> None:
    line = ",".join(row()[name] for name in COLUMNS)
    shown = repr(parse_form(f"{AGREED}\n{line}\n".encode())[0])
    assert row()["id_no"] not in shown and "王小明" not in shown and "示例路" not in shown


def test_a_zero_byte_is_named_with_its_line() -> None:
    with pytest.raises(FormTextError, match="line 2: a zero byte"):
        parse_form(f"{AGREED}\nab\0c,\n".encode())
