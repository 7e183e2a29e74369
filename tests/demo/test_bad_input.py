"""What a run refuses, before anything is touched: the sentence, the next step, the exit status."""

from datetime import date
from pathlib import Path

import pytest

from firmware_sim.applicants import Applicants, citizen_number, generate
from firmware_sim.demo.run import demo
from firmware_sim.demo.stage import FolderTakenError, prepare_folder

NEXT = "下一步"


def refused(capsys: pytest.CaptureFixture[str], out: Path, *words: str) -> str:
    """What was said; the status must be 2."""
    assert demo(["--transport", "direct", "--out", str(out), *words]) == 2
    said = capsys.readouterr().err
    assert NEXT in said and "next " in said
    assert "Traceback" not in said
    return said


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "form.csv"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, tmp_path / "out", "--applicants", str(tmp_path / "nothing.csv"))
    assert "nothing.csv" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("wrong", "named"), [("mobile,", "mobile"), ("life_status,", "life_status")])
def test_a_header_that_lacks_a_column(
    wrong: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    form = written(tmp_path, generate(20, 1).text().replace(wrong, "", 1))
    assert named in refused(capsys, tmp_path / "out", "--applicants", form)
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "form.csv").write_bytes(bytes(range(256)) * 4)
    refused(capsys, tmp_path / "out", "--applicants", str(tmp_path / "form.csv"))
    assert not (tmp_path / "out").exists()


def test_more_rows_than_a_run_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = written(tmp_path, generate(2_001, 1).text())
    assert "2000" in refused(capsys, tmp_path / "out", "--applicants", form)
    assert not (tmp_path / "out").exists()


def poor() -> str:
    """Four adults and nine children of theirs, all with one bank."""
    adults = generate(20, 5).rows[:4]
    guardian = {"guardian_name": adults[0]["name"], "guardian_id_type": "01", "guardian_id_no": adults[0]["id_no"]}
    children = []
    for number in range(1, 10):
        birth = date(2016, 3, number)
        born = {"birth_date": f"{birth:%Y%m%d}", "sex": "2", "id_no": citizen_number(birth, 2 * number)}
        children.append({**adults[number % 4], **born, **guardian, "id_valid_to": "20300101"})
    return Applicants(tuple({**row, "bank": "102"} for row in (*adults, *children))).text()


def test_a_file_too_poor_for_a_run_says_all_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    said = refused(capsys, out, "--applicants", written(tmp_path, poor()))
    for missing in ("13 of 15", "adults: 4 of 5", "banks: 1 of 2"):
        assert missing in said
    assert not (out / "report.json").exists() and not (out / "report.html").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--fly",),
        ("--tear-at", "0"),
        ("--tear-at", "soon"),
        ("--kill", "server"),
        ("--kill", "server@tap:0"),
        ("--clock", "1d"),
        ("--clock", "+9999999999d"),
        ("--date", "2026-02-30"),
        ("--date", "2025-12-31"),
        ("--date", "2035-01-01"),
        ("--transport", "usb"),
        ("surplus",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_64(words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        demo(["--out", str(tmp_path / "out"), *words])
    assert stopped.value.code == 64
    assert "usage" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_bank_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = written(tmp_path, generate(20, 5).text())
    said = refused(capsys, tmp_path / "out", "--applicants", form, "--bank-file", str(tmp_path / "none.txt"))
    assert "none.txt" in said
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = written(tmp_path, generate(20, 5).text())
    mine = tmp_path / "thesis"
    (mine / "data").mkdir(parents=True)
    (mine / "report.json").write_text("mine", "utf-8")
    (mine / "data" / "results.csv").write_text("years of work", "utf-8")
    assert "thesis" in refused(capsys, mine, "--applicants", form)
    assert sorted(path.name for path in mine.rglob("*")) == ["data", "report.json", "results.csv"]


def test_a_file_or_a_closed_place_as_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = written(tmp_path, generate(20, 5).text())
    assert "E-DEMO-OUT" in refused(capsys, Path(form), "--applicants", form)
    assert "E-DEMO-OUT" in refused(capsys, Path("/proc/onecard"), "--applicants", form)
    assert "E-DEMO-OUT" in refused(capsys, tmp_path, "--applicants", form)
    assert Path(form).exists()


def test_an_earlier_run_makes_room_and_its_folder_stays(tmp_path: Path) -> None:
    out = prepare_folder(tmp_path / "out")
    (out / "report.json").write_text("{}", "utf-8")
    (out / "codes").mkdir()
    (out / "codes" / "camera.bin").write_bytes(b"old")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "keep").write_text("kept", "utf-8")
    (out / "link").symlink_to(elsewhere)
    before = out.stat().st_ino
    prepare_folder(out)
    assert [path.name for path in out.iterdir()] == ["data"]
    assert out.stat().st_ino == before
    assert (elsewhere / "keep").exists()


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert prepare_folder(tmp_path) == tmp_path
    with pytest.raises(FolderTakenError):
        prepare_folder(tmp_path / "data")
