"""Card data written a second time, from the table of formats alone (card §1.3), to hold against card.files.codecs."""

from card.files.kinds import Field, Item, RecordField

PYTHONS = {"gbk": "gbk", "gb18030-2000": "gb18030", "gb18030-2005": "gb18030", "gb18030-2022": "gb18030"}


def content(item: Field, text: str, edition: str) -> bytes:
    """Padded value bytes of an example's text."""
    pad = b"\x00"
    if item.format == "an":
        raw = text.encode(PYTHONS[edition])
    elif item.format in ("cn", "date", "time", "datetime"):
        raw, pad = bytes.fromhex(text + "f" * (len(text) % 2)), b"\xff"
    elif item.format == "b":
        raw, pad = bytes.fromhex(text), b"\xff"
    elif item.format == "dec":
        raw = bytes.fromhex(f"{int(text):0{2 * item.length}d}")
    else:
        raw = int(text).to_bytes(item.length, "big")
    assert len(raw) <= item.length
    return raw + pad * (item.length - len(raw))


def whole(item: Field, edition: str, form: str = "tlv") -> bytes:
    """The declared example as it stands on the card, header included, put together from the examples of its parts."""
    form = item.form if isinstance(item, RecordField) else form
    parts = item.items if isinstance(item, RecordField | Item) else ()
    if parts:
        value = b"".join(whole(part, edition, form) for part in parts)
    else:
        assert item.example is not None, item.name
        value = content(item, item.example.value, edition)
    if not isinstance(item, RecordField | Item) or not item.tag:
        return value
    if form == "composite":
        return item.tag.to_bytes(2, "big") + bytes([len(value)]) + value
    tag = bytes.fromhex(f"{item.tag:02X}" if item.tag < 256 else f"{item.tag:04X}")
    long = b"\x81" if form == "ber" and len(value) > 127 else b""
    return tag + long + bytes([len(value)]) + value
