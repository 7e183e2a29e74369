"""Portraits: each quality rule by a picture that breaks just this one."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from issuance.errors import PhotoRefusedError
from issuance.photo import check_portrait, draw_stand_in, load_portrait
from issuance.reference import PhotoRules, load_reference

RULES = load_reference().photo


def jpeg(
    size: tuple[int, int] = (358, 441),
    dpi: int = 350,
    mode: str = "RGB",
    background: int = 255,
    quality: int = 95,
) -> bytes:
    """A noisy head on a plain ground: large enough in bytes."""
    image = Image.new("RGB", size, (background,) * 3)
    noise = Image.effect_noise((200, 260), 60).convert("RGB")
    image.paste(noise, (size[0] // 2 - 100, size[1] - 260))
    out = io.BytesIO()
    image.convert(mode).save(out, "JPEG", quality=quality, dpi=(dpi, dpi))
    return out.getvalue()


def test_a_good_portrait_passes(tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(jpeg())
    portrait = load_portrait("good.jpg", tmp_path, "x", RULES)
    assert not portrait.stand_in and len(portrait.digest) == 64


@pytest.mark.parametrize(
    ("raw", "result"),
    [
        (jpeg(size=(300, 441)), "PH-DIM"),
        (jpeg(mode="L"), "PH-DIM"),
        (jpeg(dpi=96), "PH-DPI"),
        (jpeg(background=120), "PH-BG"),
        (jpeg(quality=5), "PH-SIZE"),
        (jpeg() + bytes(60_000), "PH-SIZE"),
        (b"GIF89a" + bytes(10_000), "PH-DIM"),
        (jpeg()[:12_000], "PH-DIM"),
        (b"", "PH-SIZE"),
    ],
    ids=["size", "grey", "dpi", "background", "too few bytes", "too many bytes", "no jpeg", "cut off", "empty"],
)
def test_each_rule(raw: bytes, result: str) -> None:
    with pytest.raises(PhotoRefusedError) as bad:
        check_portrait(raw, RULES)
    assert bad.value.result == result


def test_limits_are_data() -> None:
    check_portrait(jpeg(dpi=96), replace(RULES, dpi=96))
    check_portrait(jpeg(background=120), replace(RULES, background=100))


@pytest.mark.parametrize("reference", ["../good.jpg", "/etc/passwd", "sub/../../good.jpg", "C:good.jpg", "gone.jpg"])
def test_only_files_beside_the_form(tmp_path: Path, reference: str) -> None:
    (tmp_path / "good.jpg").write_bytes(jpeg())
    folder = tmp_path / "forms"
    folder.mkdir()
    with pytest.raises(PhotoRefusedError) as bad:
        load_portrait(reference, folder, "x", RULES)
    assert bad.value.result == "PH-FILE"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "good.jpg").write_bytes(jpeg())
    folder = tmp_path / "forms"
    folder.mkdir()
    (folder / "link.jpg").symlink_to(tmp_path / "good.jpg")
    with pytest.raises(PhotoRefusedError):
        load_portrait("link.jpg", folder, "x", RULES)


def test_the_stand_in_is_good_marked_and_the_same_for_the_same_person(tmp_path: Path) -> None:
    portrait = load_portrait("auto", tmp_path, "somebody", RULES)
    assert portrait.stand_in
    assert portrait.jpeg == draw_stand_in("somebody", RULES) != draw_stand_in("another", RULES)
    image = Image.open(io.BytesIO(portrait.jpeg))
    band = image.crop((0, RULES.height - 60, 40, RULES.height - 10)).resize((1, 1))
    pixel = band.getpixel((0, 0))
    assert isinstance(pixel, tuple) and pixel[0] > 150 > pixel[1]  # the red band that says 示例
    marks = [image.getpixel((x, RULES.height - 50)) for x in range(80, 280)]
    assert sum(isinstance(mark, tuple) and min(mark) > 200 for mark in marks) > 10


def test_rules_are_the_published_ones() -> None:
    assert PhotoRules(358, 441, 350, 9000, 60000, 225, 10) == RULES
