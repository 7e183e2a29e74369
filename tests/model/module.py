"""The PSAM in the executable specification (docs/card-commands.md, 10; card §3.4; keys-and-purse §1.7).

What its public files hold is read from the module once at its birth: their contents are data, their rules are here.
"""

from dataclasses import dataclass, field

from tests.model.arithmetic import Tdes, inverted
from tests.model.spec import parsed
from tests.model.state import Apdu, Draw, Refused, need

SUITE = Tdes()
FOLDERS = {"MF": "", "SSSE": "7378312E73682EC9E7BBE1B1A3D5CF", "DF01": "D15600000590", "8011": ""}
FIDS = {"3F00": "MF", "DDF1": "SSSE", "DF01": "DF01", "8011": "8011"}
SEQUENCE = "0018"
MAY_ENCIPHER, MAY_MAC = {4, 7, 8}, {3, 4, 5, 6, 8}
MAY_SESSION, MAY_LOAD = {6, 7, 8}, {3, 4, 5, 6, 7, 8}
WRONG_MACS = 3
TOP = 0xFFFFFFFF


def diversified(key: bytes, factor: bytes) -> bytes:
    """card §3.2."""
    return SUITE.encrypt(key, factor) + SUITE.encrypt(key, inverted(factor))


def mac_of_blocks(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """The whole last block of CBC under the left half, that last block enciphered under the whole key."""
    state = iv
    for at in range(0, len(blocks), 8):
        mixed = bytes(a ^ b for a, b in zip(state, blocks[at : at + 8], strict=True))
        whole = len(key) == 16 and at + 8 == len(blocks)
        state = SUITE.encrypt(key, mixed) if whole else SUITE.single(key[:8], mixed)
    return state


@dataclass
class Module:
    """Durable part: keys, files, the sequence, tries of MAC2."""

    terminal: bytes
    ssc: dict[tuple[int, int], bytes]
    purse: dict[int, bytes]
    files: dict[tuple[str, str], bytes]
    sequence: int = 0
    tries: int = WRONG_MACS


@dataclass
class Loaded:
    """A key at work: of BFDE (8 bytes, once) or of 801A (16 bytes, until the next)."""

    value: bytes
    kind: int
    once: bool


@dataclass
class Now:
    """Volatile part."""

    here: str = "MF"
    file: str = ""
    loaded: Loaded | None = None
    purchase: tuple[bytes, bytes] | None = None
    waiting: bytes = b""


@dataclass
class SpecModule:
    """One modelled PSAM, T=0."""

    kept: Module
    now: Now = field(default_factory=Now)

    def reset(self) -> bytes:
        self.now = Now()
        return bytes.fromhex("3B6D000000814E43238690") + self.kept.terminal

    def process(self, raw: bytes, draw: Draw) -> bytes:
        try:
            apdu = parsed(raw)
            need(not apdu.extended, 0x6700)
            if apdu.ins == 0xC0:
                return self.get_response(apdu)
            self.now.waiting = b""
            rule = RULES.get((apdu.cla, apdu.ins))
            if rule is None:
                raise Refused(0x6D00 if apdu.cla in {cla for cla, _ in RULES} else 0x6E00)
            answer = rule(self, apdu, draw)
        except Refused as no:
            return no.sw.to_bytes(2, "big")
        if answer and apdu.data:
            self.now.waiting = answer
            return bytes((0x61, len(answer)))
        return answer + b"\x90\x00"

    def get_response(self, apdu: Apdu) -> bytes:
        need(not apdu.data, 0x6700)
        need(apdu.p1 == apdu.p2 == 0, 0x6A86)
        have, wanted = len(self.now.waiting), apdu.le or 256
        need(have, 0x6985)
        need(wanted <= have, 0x6C00 | have)
        part, self.now.waiting = self.now.waiting[:wanted], self.now.waiting[wanted:]
        return part + (bytes((0x61, have - wanted)) if have > wanted else b"\x90\x00")

    def content(self, fid: str) -> bytes | None:
        if fid == SEQUENCE and (self.now.here, fid) in self.kept.files:
            return self.kept.sequence.to_bytes(4, "big")
        return self.kept.files.get((self.now.here, fid))


def select(module: SpecModule, apdu: Apdu, draw: Draw) -> bytes:
    if apdu.p1 == 4:
        found = next((name for name, aid in FOLDERS.items() if aid and bytes.fromhex(aid) == apdu.data), "")
        return enter(module, found)
    need(apdu.p1 in (0, 2), 0x6A86)
    need(len(apdu.data) == 2, 0x6700)
    fid = apdu.data.hex().upper()
    if (module.now.here, fid) in module.kept.files:
        module.now.file = fid
        return b""
    return enter(module, FIDS.get(fid, ""))


def enter(module: SpecModule, name: str) -> bytes:
    need(name, 0x6A82)
    module.now = Now(name)
    aid = bytes.fromhex(FOLDERS[name])
    inside = b"\x84" + bytes((len(aid),)) + aid if aid else b"\x83\x02" + fid_of(name)
    return b"\x6f" + bytes((len(inside),)) + inside


def fid_of(name: str) -> bytes:
    return bytes.fromhex(next(fid for fid, folder in FIDS.items() if folder == name))


def read_binary(module: SpecModule, apdu: Apdu, draw: Draw) -> bytes:
    fid, offset = module.now.file, apdu.p1 << 8 | apdu.p2
    if apdu.p1 & 0x80:
        fid, offset = f"00{apdu.p1 & 0x1F:02X}", apdu.p2
    content = module.content(fid)
    if content is None:
        raise Refused(0x6A82)
    need(offset < len(content), 0x6B00)
    left, wanted = len(content) - offset, apdu.le or 256
    need(wanted <= left, 0x6C00 | left)
    return content[offset : offset + wanted]


def get_challenge(module: SpecModule, apdu: Apdu, draw: Draw) -> bytes:
    need(apdu.le in (4, 8), 0x6700)
    return draw(apdu.le or 0)


def load_key(module: SpecModule, apdu: Apdu, draw: Draw) -> bytes:
    """BF DE with the process data at the end, 80 1A without."""
    session = apdu.ins == 0xDE
    module.now.loaded = None
    need(module.now.here == "DF01", 0x6985)
    need(any(kid == apdu.p2 for kid, _ in module.kept.ssc), 0x6A88)
    key = module.kept.ssc.get((apdu.p2, apdu.p1))
    if key is None:
        raise Refused(0x6985)
    kind, levels = apdu.p1 & 0x1F, apdu.p1 >> 5
    need(kind in (MAY_SESSION if session else MAY_LOAD), 0x6982)
    need(len(apdu.data) == 8 * (levels + session), 0x6700)
    factors = [apdu.data[at : at + 8] for at in range(0, 8 * levels, 8)]
    for factor in reversed(factors):
        key = diversified(key, factor)
    module.now.loaded = Loaded(SUITE.encrypt(key, apdu.data[-8:]) if session else key, kind, session)
    return b""


def crypt(module: SpecModule, apdu: Apdu, draw: Draw) -> bytes:
    need(apdu.p1 in (0, 5) and apdu.p2 == 0, 0x6A86)
    loaded = module.now.loaded
    if loaded is None:
        raise Refused(0x6985)
    need(loaded.kind in (MAY_MAC if apdu.p1 else MAY_ENCIPHER), 0x6982)
    size = len(apdu.data)
    need(size and size % 8 == 0 and (not apdu.p1 or size >= 16), 0x6700)
    if loaded.once:
        module.now.loaded = None
    if apdu.p1:
        return mac_of_blocks(loaded.value, apdu.data[:8], apdu.data[8:])
    if len(loaded.value) == 8:
        return SUITE.single(loaded.value, apdu.data)
    return SUITE.encrypt(loaded.value, apdu.data)


def init_purchase(module: SpecModule, apdu: Apdu, draw: Draw) -> bytes:
    module.now.purchase = None
    need(module.now.here in ("8011", "DF01"), 0x6985)
    medical = module.now.here == "DF01"
    need(apdu.p1 == apdu.p2 == 0, 0x6A86)
    need(len(apdu.data) == 0x24 or (medical and len(apdu.data) == 0x1C), 0x6700)
    need(module.kept.tries, 0x6983)
    random, offline, amount, kind, at = (apdu.data[a:b] for a, b in ((0, 4), (4, 6), (6, 10), (10, 11), (11, 18)))
    factors = [apdu.data[28:36], apdu.data[20:28]]  # the number comes first, the issuer is applied first
    if not factors[0]:
        del factors[0]
    version, usage = apdu.data[18], {1: 0x22, 2: 0x42}[len(factors)]
    key = module.kept.ssc.get((version, usage)) if medical else module.kept.purse.get(version)
    if key is None:
        raise Refused(0x9403)
    need(apdu.data[19] == 0, 0x6A80)
    for factor in factors:
        key = diversified(key, factor)
    need(module.kept.sequence < TOP, 0x9402)
    module.kept.sequence += 1
    number = module.kept.sequence.to_bytes(4, "big")
    session = SUITE.purse_session(key, random + offline + number[2:])
    module.now.purchase = session, amount
    return number + SUITE.purse_mac(session, amount + kind + module.kept.terminal + at)


def credit_purchase(module: SpecModule, apdu: Apdu, draw: Draw) -> bytes:
    need(apdu.p1 == apdu.p2 == 0, 0x6A86)
    need(len(apdu.data) == 4, 0x6700)
    purchase, module.now.purchase = module.now.purchase, None
    if purchase is None:
        raise Refused(0x6985)
    right = SUITE.purse_mac(*purchase) == apdu.data
    module.kept.tries = WRONG_MACS if right else max(0, module.kept.tries - 1)
    need(right, 0x9302)
    return b""


RULES = {
    (0x00, 0xA4): select,
    (0x00, 0xB0): read_binary,
    (0x00, 0x84): get_challenge,
    (0xBF, 0xDE): load_key,
    (0x80, 0x1A): load_key,
    (0x80, 0xFA): crypt,
    (0x80, 0x70): init_purchase,
    (0x80, 0x72): credit_purchase,
}
