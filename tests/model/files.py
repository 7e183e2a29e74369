"""Selection and files in the executable specification (docs/card-commands.md, 6)."""

from tests.model.arithmetic import padded
from tests.model.book import File, Folder, Record
from tests.model.card import STK, Card
from tests.model.state import PERSONALISED, T0, Apdu, Draw, Key, Refused, Volatile, need

APPEND = 3


def select(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    folders = card.book.folders.values()
    if apdu.p1 == 4:
        return enter(card, next((f for f in folders if f.aid and f.aid == apdu.data), None))
    if apdu.p1 == 0:
        wanted = apdu.data or b"\x3f\x00"
        folder = next((f for f in folders if f.fid == wanted), None)
        if folder:
            return enter(card, folder)
    file = card.book.by_fid.get((card.now.here, apdu.data))
    need(file, 0x6A82)
    card.now.file = file
    return b""


def enter(card: Card, folder: Folder | None) -> bytes:
    """The rights of those above stay; everything else of the selection is lost."""
    if folder is None:
        raise Refused(0x6A82)
    above = card.book.line(folder.name)[1:]
    rights = {name: held for name, held in card.now.rights.items() if name in above}
    card.now = Volatile(card.now.protocol, folder.name, rights=rights, master=card.now.master)
    need(folder.name not in card.kept.blocks, 0x6283)
    inside = tlv("84", folder.aid) if folder.aid else tlv("83", folder.fid)
    if folder.shown:
        content = card.kept.binaries[folder.name, folder.shown]
        inside += tlv("A5", tlv("9F08", folder.fci_version) + tlv("9F0C", content))
    elif folder.extra:
        inside += tlv("A5", folder.extra)
    return tlv("6F", inside)


def tlv(tag: str, value: bytes) -> bytes:
    return bytes.fromhex(tag) + (b"\x81" if len(value) > 0x7F else b"") + bytes((len(value),)) + value


# --- step 9 -------------------------------------------------------------------------------------------------------
def record_file(card: Card, apdu: Apdu) -> File:
    file = card.open(apdu.p2 >> 3)
    need(file.kind != "transparent", 0x6981)
    return file


def binary_file(card: Card, apdu: Apdu) -> tuple[File, int]:
    file = card.open(apdu.p1 & 0x1F if apdu.p1 & 0x80 else 0)
    need(file.kind == "transparent", 0x6981)
    return file, apdu.p2 if apdu.p1 & 0x80 else apdu.p1 << 8 | apdu.p2


def named(file: File, p1: int, p2: int) -> Record | None:
    """By number, or the first of that tag; P1 00 is nothing."""
    by_number = p2 & 4
    return next((r for r in file.records if p1 and (r.number if by_number else r.tag) == p1), None)


# --- reading ------------------------------------------------------------------------------------------------------
def read_record(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    file = record_file(card, apdu)
    record = named(file, apdu.p1, apdu.p2)
    if any(item.read for item in file.records):
        need(record, 0x6A83)
    card.may_read((record.read if record else "") or file.read)
    if file.kind == "cyclic":
        log = card.kept.logs[file.home, file.fid]
        need(1 <= apdu.p1 <= len(log), 0x6A83)
        content = log[apdu.p1 - 1]
    else:
        if record is None:
            raise Refused(0x6A83)
        content = card.kept.records[file.home, file.fid, record.number]
    card.exact(apdu, len(content))
    return content


def read_binary(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    file, offset = binary_file(card, apdu)
    card.may_read(file.read)
    content = card.kept.binaries[file.home, file.fid][offset:]
    need(content, 0x6B00)
    if card.now.protocol == T0:
        left, wanted = min(len(content), 256), apdu.le or 256
        need(wanted <= left, 0x6C00 | left & 0xFF)
        return content[:wanted]
    if apdu.all_asked:
        return content if apdu.extended else content[:256]
    assert apdu.le
    need(apdu.le <= len(content), 0x6C00 | len(content) & 0xFF if len(content) <= 256 else 0x6700)
    return content[: apdu.le]


# --- writing ------------------------------------------------------------------------------------------------------
def update_record(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    if apdu.p2 & 7 == APPEND:
        return append_record(card, apdu, draw)
    file = record_file(card, apdu)
    need(file.by_record, 0x6981)
    content = writable(card, file, apdu)
    record = named(file, apdu.p1, apdu.p2)
    if record is None:
        raise Refused(0x6A83)
    need(content.startswith(record.header) and len(content) == len(record.blank), 0x6A80)
    card.kept.records[file.home, file.fid, record.number] = content
    return b""


def append_record(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    file = record_file(card, apdu)
    need(apdu.ins == 0xE2 or file.kind == "cyclic", 0x6981)
    content = writable(card, file, apdu)
    need(file.kind == "cyclic", 0x6A84)
    need(len(content) == file.size, 0x6700)
    written(card, file, content)
    return b""


def written(card: Card, file: File, entry: bytes) -> None:
    """Record 1 is the newest; the oldest is lost when the file is full."""
    log = card.kept.logs[file.home, file.fid]
    log.insert(0, entry)
    del log[file.capacity :]


def update_binary(card: Card, apdu: Apdu, draw: Draw) -> bytes:
    file, offset = binary_file(card, apdu)
    part = writable(card, file, apdu)
    content = card.kept.binaries[file.home, file.fid]
    need(offset + len(part) <= len(content), 0x6B00)
    card.kept.binaries[file.home, file.fid] = content[:offset] + part + content[offset + len(part) :]
    return b""


def writable(card: Card, file: File, apdu: Apdu) -> bytes:
    """Steps 10 and 11 of every update: the bytes to write."""
    if card.kept.life != PERSONALISED:
        need(card.may_personalise, 0x6985)
        return apdu.data
    if not apdu.cla & 4:
        card.allow(file.write)
        return apdu.data
    need(len(apdu.data) > 4, 0x6987)
    proof, key = protecting_key(card, file)
    card.allow(file.write, proof)
    content, given = apdu.data[:-4], apdu.data[-4:]
    need(card.mac(file.home, key, apdu.head + content) == given, 0x6988)
    return unwrapped(card, file, key, content) if proof.startswith("enc:") else content


def unwrapped(card: Card, file: File, key: Key, content: bytes) -> bytes:
    """Ld || content || 80 00.. under the key."""
    suite = card.suite(file.home)
    need(len(content) % suite.block == 0, 0x6A80)
    plain = suite.decrypt(key.value, content)
    inside = plain[1 : 1 + plain[0]]
    need(inside and plain == padded(plain[:1] + inside, suite.block), 0x6A80)
    return inside


def protecting_key(card: Card, file: File) -> tuple[str, Key]:
    """(proof, key) of a protected update: the first key that `write` names, else the directory's STK."""
    proofs = [p for way in file.write.split("|") for p in way.split("+") if p[:4] in ("mac:", "enc:")]
    for line in card.book.keys:
        if line.home != file.home:
            continue
        proof = next((p for p in proofs if p[4:] == line.name), "")
        if proof or (not proofs and line.kind == STK):
            found = card.key(line.home, line.kind, line.kid)
            if found is None:
                break
            return proof or f"mac:{line.name}", found[0]
    raise Refused(0x6A88 if proofs else 0x6882)
