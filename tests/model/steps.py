"""What a sequence is made of: steps that say what is meant, so that a sequence can be shortened and played again.

A step becomes bytes only when it is played, from what the modelled card knows at that moment (its keys, its PIN, the
challenge it gave): the same list of steps is a sensible conversation with any card.
"""

from dataclasses import dataclass, replace

from gmalg import SM4

from tests.model.arithmetic import padded
from tests.model.book import File
from tests.model.card import CHALLENGE_OF_MAC, EXTERNAL, HIGHEST, LOWEST, MASTER, PUK, STK
from tests.model.certificate import ADMINISTRATOR, HOLDER, digest_of, hidden, line_mac, public_of
from tests.model.files import protecting_key
from tests.model.purse import four, two
from tests.model.spec import SpecCard
from tests.model.state import Key, Refused

Argument = int | str | bytes
NOBODY = Key(bytes(range(16)), 3)


@dataclass(frozen=True)
class Step:
    """`kind` names a builder below; `damage` is what happens to the bytes on the way."""

    kind: str
    arguments: tuple[Argument, ...] = ()
    damage: tuple[Argument, ...] = ()

    def undamaged(self) -> "Step":
        return replace(self, damage=())

    def __str__(self) -> str:
        shown = (value.hex() if isinstance(value, bytes) else str(value) for value in self.arguments)
        hurt = f"  damaged {self.damage}" if self.damage else ""
        return f"{self.kind}({', '.join(shown)}){hurt}"


def bytes_of(step: Step, card: SpecCard) -> bytes:
    """The command as it leaves the reader."""
    raw = BUILDERS[step.kind](card, *step.arguments)
    return damaged(raw, step.damage) if step.damage else raw


def damaged(raw: bytes, how: tuple[Argument, ...]) -> bytes:
    """One accident: a bit turned, bytes lost or added, a header byte or the last byte replaced."""
    kind, place, value = how
    assert isinstance(place, int) and isinstance(value, int)
    if not raw:
        return raw
    if kind == "flip":
        at = place % len(raw)
        return raw[:at] + bytes((raw[at] ^ 1 << value % 8,)) + raw[at + 1 :]
    if kind == "cut":
        return raw[: len(raw) - 1 - place % min(len(raw), 6)]
    if kind == "add":
        return raw + bytes((value,)) * (1 + place % 3)
    if kind == "header":
        return raw[: place % 4] + bytes((value,)) + raw[place % 4 + 1 :]
    if kind == "signature":  # the last four bytes are a MAC in most commands that have one
        at = len(raw) - 1 - place % min(len(raw), 4)
        return raw[:at] + bytes((raw[at] ^ (value or 1),)) + raw[at + 1 :]
    if kind == "extended":  # the same command in the long form
        body = raw[5 : 5 + raw[4]] if len(raw) > 5 else b""
        return (
            raw[:4] + b"\0" + (two(len(body)) + body if body else b"") + (two(value) if value & 1 or not body else b"")
        )
    return raw[:-1] + bytes((value,))


def command(head: str, data: bytes = b"", le: int = -1) -> bytes:
    body = bytes((len(data) & 0xFF,)) + data if data else b""
    return bytes.fromhex(head) + body + (bytes((le & 0xFF,)) if le >= 0 else b"")


def raw(card: SpecCard, content: bytes) -> bytes:
    return content


def reset(card: SpecCard, protocol: str) -> bytes:
    return b""


def deselect(card: SpecCard) -> bytes:
    return b""


def challenge(card: SpecCard, length: int) -> bytes:
    return command("00840000", le=length)


def get_response(card: SpecCard, le: int) -> bytes:
    return command("00C00000", le=le if le >= 0 else len(card.now.waiting))


def _seed(card: SpecCard, length: int) -> bytes:
    return card.now.challenge.ljust(length, b"\0")[:length]


def external(card: SpecCard, kid: int, version: int, original: bytes) -> bytes:
    """EXTERNAL AUTHENTICATION with the key the selected directory would use; `version` -1 leaves the 17th byte away."""
    tail = bytes((version,)) if version >= 0 else b""
    home = next((f for f in card.book.line(card.now.here) if card.book.key(f, EXTERNAL, kid)), card.now.here)
    found = card.key(home, EXTERNAL, kid, version if version >= 0 else LOWEST)
    proof = card.suite(home).answer((found[0] if found else NOBODY).value, _seed(card, 8), original)
    return command(f"008200{kid:02X}", proof + original + tail)


def master(card: SpecCard) -> bytes:
    here = card.now.here
    found = card.key(here, MASTER, 0)
    key = found[0] if found else NOBODY
    return command("00820000", card.suite(here).master_proof(key.value, _seed(card, 8)))


def internal(card: SpecCard, kid: int, seed: bytes) -> bytes:
    return command(f"008800{kid:02X}", seed)


def prove_version(card: SpecCard, random: bytes) -> bytes:
    return command("80F40000", random, -1 if random else 10)


def pin_bytes(card: SpecCard, which: str) -> bytes:
    """`right`, `first`, or digits."""
    pin = card.kept.pin
    if which in ("right", "first"):
        value = (pin.value if which == "right" else pin.first) if pin else bytes(3)
        return value.rstrip(b"\xff")[:6] or bytes(3)
    return bytes.fromhex(which)


def verify(card: SpecCard, which: str) -> bytes:
    return command("00200000", pin_bytes(card, which))


def change(card: SpecCard, old: str, new: str) -> bytes:
    return command("805E0100", pin_bytes(card, old) + b"\xff" + pin_bytes(card, new))


def signed(card: SpecCard, head: str, data: bytes, folder: str, key: Key) -> bytes:
    """`data` and the MAC the card expects now."""
    covered = bytes.fromhex(head) + bytes(((len(data) + 4) & 0xFF,)) + data
    return covered + card.suite(folder).sm_mac(key.value, covered, _seed(card, CHALLENGE_OF_MAC))


def _key(card: SpecCard, kind: int, kid: int = 0) -> tuple[str, Key]:
    """The nearest such key and where it is, or one nobody has."""
    for folder in card.book.line(card.now.here):
        if found := card.key(folder, kind, kid, HIGHEST):
            return folder, found[0]
    return card.now.here, NOBODY


def maintain(card: SpecCard, head: str) -> bytes:
    here = card.now.here
    found = card.key(here, STK, 0) or card.key(here, MASTER, 0)
    return signed(card, head, b"", here, found[0] if found else NOBODY)


def finish(card: SpecCard) -> bytes:
    return signed(card, "84F20000", b"", *_key(card, MASTER))


def unblock(card: SpecCard) -> bytes:
    return signed(card, "84240000", b"", *_key(card, PUK))


def reload(card: SpecCard, digits: str) -> bytes:
    home, puk = _key(card, PUK)
    suite, new = card.suite(home), bytes.fromhex(digits)
    plain = padded(bytes((len(new),)) + new, suite.block)[: suite.block]
    return signed(card, "84D40000", suite.encrypt(puk.value, plain), home, puk)


def write_key(card: SpecCard, kind: int, kid: int, version: int, tries: int, value: bytes, flaw: str = "") -> bytes:
    """WRITE KEY under the master key the card has now; `flaw` is a mistake inside a rightly signed block."""
    here = card.now.here
    found = card.key(here, MASTER, 0)
    top = found[0] if found else NOBODY
    header = bytes((kind, kid, version, 0, tries, int(flaw == "algorithm"), 0, 17 if flaw == "length" else 16))
    plain = (bytes((23 if flaw == "start" else 24,)) + header + value + b"\x80").ljust(32, b"\0")
    plain = plain[:-1] + b"\x01" if flaw == "padding" else plain
    head = f"84D4{int(kind == MASTER) ^ int(flaw == 'place'):02X}00"
    return signed(
        card,
        head,
        card.suite(here).encrypt(top.value, plain),
        here,
        top,
    )


def _file(card: SpecCard, sfi: int) -> File | None:
    return card.book.by_sfi.get((card.now.here, sfi)) if sfi else card.now.file


def certificate_verify(card: SpecCard, p2: int) -> bytes:
    """The certificate PIN, proven with the last challenge."""
    who = HOLDER if p2 == 0x81 else ADMINISTRATOR
    pin = card.kept.secrets.get((card.now.here, who))
    return command(f"002001{p2:02X}", bytes(SM4(pin.key if pin else bytes(16)).encrypt(_seed(card, 16))))


def certificate_change(card: SpecCard, p1: int, new: bytes) -> bytes:
    """A new certificate PIN under the old one, or under the administrator's."""
    who = HOLDER if p1 else ADMINISTRATOR
    pin = card.kept.secrets.get((card.now.here, who))
    key = pin.key if pin else bytes(16)
    covered = bytes((0x84, 0x5E, p1, 0, 20)) + bytes(SM4(key).encrypt(digest_of(new)[:16]))
    return covered + line_mac(key, covered, _seed(card, CHALLENGE_OF_MAC))


def certificate_open(card: SpecCard, key: bytes, seed: bytes, spoil: int) -> bytes:
    """A session key hidden for the card's encryption key, or for nobody's; bit `spoil` of the cipher turned."""
    scalar = card.kept.opening.get(card.now.here, seed)
    cipher = bytearray(hidden(public_of(scalar), key, seed))
    if spoil >= 0:
        cipher[spoil // 8] ^= 1 << spoil % 8
    return command("80CC0000", bytes(cipher))


def protected(card: SpecCard, head: str, sfi: int, data: bytes) -> bytes:
    """UPDATE under a MAC, enciphered where the rule wants it, with the key that the file's rule names."""
    file, proof, key = _file(card, sfi), "", NOBODY
    try:
        if file:
            proof, key = protecting_key(card, file)
    except Refused:
        key = NOBODY
    if proof.startswith("enc:"):
        suite = card.suite(card.now.here)
        data = suite.encrypt(key.value, padded(bytes((len(data),)) + data, suite.block))
    return signed(card, head, data, card.now.here, key)


def begin(card: SpecCard, p1: int, index: int, amount: int, terminal: bytes) -> bytes:
    return command(f"8050{p1:02X}02", bytes((index,)) + four(amount) + terminal, 0 if amount % 3 == 0 else -1)


def credit(card: SpecCard, head: str, at: bytes) -> bytes:
    """The second command of a load (80520000) or unload (80540300)."""
    deal, mac = card.now.deal, bytes(4)
    if deal and deal.kind in ("load", "unload"):
        body = four(deal.amount) + bytes((deal.code,)) + deal.terminal + at
        mac = card.suite(card.now.here).purse_mac(deal.key, body)
    return command(head, at + mac)


def debit(card: SpecCard, number: bytes, at: bytes) -> bytes:
    deal, mac = card.now.deal, bytes(4)
    if deal and deal.kind in ("purchase", "capp"):
        suite = card.suite(card.now.here)
        session = suite.purse_session(deal.key, deal.random + two(deal.sequence) + number[2:])
        mac = suite.purse_mac(session, four(deal.amount) + bytes((deal.code,)) + deal.terminal + at)
    return command("80540100", number + at + mac)


def prove(card: SpecCard, away: int, kind: int) -> bytes:
    """The last transaction's proof, or one `away` from it; `kind` 0 asks for its own type."""
    proof = card.kept.proofs.get(card.now.here, (0, 0, b"", b""))
    known = proof[1] + (card.book.purses.get(card.now.here, {}).get("prove_sequence") == "init_plus_1")
    return command(f"805A00{kind or proof[0]:02X}", two((known + away) & 0xFFFF))


BUILDERS = {
    f.__name__: f
    for f in (
        *(
            raw,
            reset,
            deselect,
            challenge,
            get_response,
            external,
            master,
            internal,
            verify,
            change,
            maintain,
            finish,
            unblock,
        ),
        *(reload, write_key, protected, begin, credit, debit, prove, prove_version),
        *(certificate_verify, certificate_change, certificate_open),
    )
}
