"""Our reader code against a card whose every line was written by others: libcacard's emulated CAC card."""

import json
import shutil
import sys
from collections.abc import Iterator

import pytest

from card.texts import text
from tests.contract.foreign_card import CHECKOUT, HERE, ForeignCard, foreign_card
from tests.required import missing

pytestmark = pytest.mark.pcsc
ATR = "3B7A18000073667465206364313434"  # what libcacard calls itself: "sfte cd144"


@pytest.fixture(scope="module")
def card() -> Iterator[ForeignCard]:
    with foreign_card() as found:
        yield found


def test_card_read_says_that_it_is_not_ours(card: ForeignCard) -> None:
    done = card.run([sys.executable, str(CHECKOUT / "onecard.py"), "card", "read", "--reader", card.reader])
    assert done.returncode == 2
    for language in ("zh", "en"):
        said = text("E-CARD-FOREIGN", language)
        assert said.message in done.stderr
        assert said.next_step in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("dump",), ("purse",), ("log",), ("check",), ("verify-pin", "--pin-stdin")])
def test_no_card_command_breaks_on_it(card: ForeignCard, words: tuple[str, ...]) -> None:
    done = card.run([sys.executable, str(CHECKOUT / "onecard.py"), "card", *words, "--reader", card.reader])
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    if words == ("check",):
        assert "没有社会保障应用" in done.stdout
    if words == ("purse",):
        assert "This card has no purse." in done.stdout


def test_our_channel_reads_its_certificate_byte_for_byte(card: ForeignCard) -> None:
    done = card.run([sys.executable, str(HERE / "own_reader.py"), card.reader])
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["atr"] == ATR
    assert list(seen["applets"].values()) == [["6F", "84", "A5"]] * 5
    assert seen["refused"] == dict.fromkeys(seen["refused"], "6A82")
    assert len(card.certificate) > 600
    assert card.certificate in bytes.fromhex(seen["values"])


def test_the_adapter_is_a_reader_to_others_too(card: ForeignCard) -> None:
    """The card as a tool that has nothing to do with either side sees it."""
    if shutil.which("opensc-tool") is None:
        missing("tools", "opensc-tool is not installed")
    done = card.run(["opensc-tool", "-r", card.reader, "-a"])
    assert done.stdout.strip().replace(":", "").upper() == ATR
