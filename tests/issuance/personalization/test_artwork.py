"""The printed face: every character drawn or boxed and counted."""

import io
from pathlib import Path

import pytest
from PIL import Image

from issuance.errors import FontMissingError
from issuance.personalization.artwork import Glyphs, draw_face, find_font, load_layout
from issuance.photo import draw_stand_in
from issuance.reference import load_reference
from tests.required import missing

FIELDS = {
    "title": "社会保障卡",
    "name": "王小明",
    "id_no": "460000199001010110",
    "card_no": "H00000012",
    "issued": "2026年11月23日",
    "mark": "示例 SPECIMEN",
}


@pytest.fixture(scope="module")
def glyphs() -> Glyphs:
    try:
        return Glyphs(find_font())
    except FontMissingError as absent:
        missing("font", str(absent))


def test_a_common_name_has_all_its_glyphs(glyphs: Glyphs) -> None:
    face = draw_face(FIELDS, draw_stand_in("x", load_reference().photo), glyphs)
    assert face.boxes == 0
    image = Image.open(io.BytesIO(face.png))
    assert image.size == (1011, 638)
    assert image.getpixel((500, 600)) == load_layout().background


def test_a_missing_glyph_is_a_marked_box_and_counted(glyphs: Glyphs) -> None:
    rare = "\U000e0100\u0378"  # unassigned: no font can have them
    assert not glyphs.has("\u0378") and glyphs.has("王")
    face = draw_face({**FIELDS, "name": f"王{rare[1]}{rare[1]}"}, b"", glyphs)
    assert face.missing == (("name", 2),) and face.boxes == 2
    assert face.png != draw_face({**FIELDS, "name": "王"}, b"", glyphs).png


def test_a_long_name_shrinks_and_breaks(glyphs: Glyphs) -> None:
    name = "古丽娜尔·阿卜杜热合曼·依明江·吐尔逊·艾合买提·克里木"
    face = draw_face({**FIELDS, "name": name}, b"", glyphs)
    image = Image.open(io.BytesIO(face.png)).convert("L")
    right = image.crop((970, 170, 1000, 245))
    assert right.getextrema()[0] > 200  # nothing is written beyond its room


def test_without_a_portrait_there_is_an_empty_frame(glyphs: Glyphs) -> None:
    left, top, width, height = load_layout().photo
    image = Image.open(io.BytesIO(draw_face(FIELDS, b"", glyphs).png))
    assert image.getpixel((left, top)) == load_layout().ink
    assert image.getpixel((left + width // 2, top + height // 2)) == load_layout().background


def test_a_machine_without_fonts_says_so(tmp_path: Path) -> None:
    with pytest.raises(FontMissingError):
        find_font([tmp_path, tmp_path / "nowhere"])
