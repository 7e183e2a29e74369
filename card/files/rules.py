"""What a profile may not say: every statement held against every other one, each contradiction with its line."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from card.errors import CardDataError, FieldError
from card.files import codecs
from card.files.build import Builder
from card.files.kinds import (
    CONFIDENCES,
    FORMATS,
    AnyEf,
    CyclicEf,
    Dir,
    Field,
    Item,
    KeySpec,
    PurseEf,
    RecordEf,
    RecordField,
    TransparentEf,
)
from card.files.specs import ALGORITHMS, PROVE_ORDERS, PROVE_SEQUENCES, AtrSpec, ContactlessSpec, Crypto
from card.files.tables import Table
from card.text_codec import Edition

MASTER, EXTERNAL = 0x00, 0x0D  # key types: master, EXTERNAL AUTHENTICATION (card §3.1, B)
LENGTH_MAX = 0x7FFF  # what a READ BINARY offset can reach
EXACT_LENGTH = {"date": 4, "time": 3, "datetime": 7}
RESET_INFO = ("ats", "configured")
CHOICES = {
    "mac_iv": ("challenge4", "challenge8"),
    "diversification": ("pboc", "sm4"),
    "session": ("3des(k,r)", "sm4(k,r||~r)"),
    "fold": ("none", "xor-halves"),
    "mac": ("retail", "sm4-cbc"),
    "tac_key": ("folded", "whole"),
}
# What belongs to an algorithm: a profile that mixes two families describes no card.
FAMILIES: dict[str, dict[str, object]] = {
    "3des": {"diversification": "pboc", "session": "3des(k,r)", "mac": "retail", "block": 8},
    "sm4": {"diversification": "sm4", "session": "sm4(k,r||~r)", "mac": "sm4-cbc", "block": 16},
}
MAC_LENGTHS = (4, 8)


@dataclass(slots=True)
class Draft:
    """What could be built of a profile. `declared` are the names in the text, also of what could not be built."""

    builder: Builder
    name: str
    edition: Edition
    dirs: list[Dir] = field(default_factory=list)
    keys: list[KeySpec] = field(default_factory=list)
    files: list[AnyEf] = field(default_factory=list)
    specs: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, set[str]] = field(default_factory=dict)

    def note(self, about: object, key: str, where: str, zh: str, en: str) -> None:
        """A mistake in `key` of the table that `about` was built from; not where the value is a stand-in anyway."""
        if key and self.builder.doubtful(about, key):
            return
        self.builder.findings.note(self.builder.table_of(about), key, where, zh, en)


def check(draft: Draft, names: Mapping[str, Any]) -> None:
    """All rules. `names` is the table of that name."""
    _check_dirs(draft)
    _check_keys(draft)
    _check_specs(draft)
    _unique(draft, draft.files, lambda ef: ef.path, "fid", "文件", "file")
    for ef in draft.files:
        _check_file(draft, ef)
    if isinstance(names, Table):
        _check_names(draft, names, names)


def _check_dirs(draft: Draft) -> None:
    _unique(draft, draft.dirs, lambda row: row.name, "name", "目录", "directory")
    _unique(draft, draft.dirs, lambda row: row.fid.hex().upper(), "fid", "目录标识", "directory FID")
    _unique(draft, [row for row in draft.dirs if row.aid], lambda row: row.aid.hex().upper(), "aid", "AID", "AID")
    parents = {row.name: row.parent for row in draft.dirs}
    for row in draft.dirs:
        where = f"[[dir]] {row.name}"
        _sure(draft, row, where)
        if len(row.fid) != 2:
            draft.note(row, "fid", where, "fid 应为两字节", "fid is two bytes")
        if row.aid and not 5 <= len(row.aid) <= 16:
            draft.note(row, "aid", where, "AID 为 5 至 16 字节", "an AID has 5 to 16 bytes")
        if row.parent and _known(draft, row, "parent", row.parent, where) and _in_circle(row.name, parents):
            draft.note(row, "parent", where, "上级目录绕成一圈", "its parents go round in a circle")
        if row.fci_file and f"{row.name}/{row.fci_file.upper()}" not in draft.declared["file"]:
            draft.note(row, "fci_file", where, f"文件 {row.fci_file} 未声明", f"file {row.fci_file} is not declared")


def _in_circle(name: str, parents: dict[str, str]) -> bool:
    seen: set[str] = set()
    while name := parents.get(name, ""):
        if name in seen:
            return True
        seen.add(name)
    return False


def _check_keys(draft: Draft) -> None:
    _unique(draft, draft.keys, lambda row: row.name, "name", "密钥", "key")
    on_card = [row for row in draft.keys if row.type is not None and row.card_kid is not None]
    _unique(
        draft,
        on_card,
        lambda row: f"{row.dir} {row.type:02X}:{row.card_kid:02X}",
        "card_kid",
        "密钥类型与卡内标识",
        "key type and card kid",
    )
    in_psam = [row for row in draft.keys if row.type is None and row.psam_kid is not None]
    _unique(draft, in_psam, lambda row: f"{row.dir} {row.psam_kid:02X}", "psam_kid", "PSAM 密钥标识", "PSAM kid")
    for row in draft.keys:
        where = f"[[key]] {row.name}"
        _sure(draft, row, where)
        for column in ("psam_confidence", "hsm_confidence"):
            if (sure := getattr(row, column)) and sure not in CONFIDENCES:
                draft.note(row, column, where, f"可信度 {sure!r} 未知", f"confidence {sure!r} is not known")
        _known(draft, row, "dir", row.dir, where)
        for column in ("type", "card_kid", "psam_kid", "usage", "version"):
            number = getattr(row, column)
            if number is not None and not 0 <= number <= 0xFF:
                draft.note(row, column, where, f"{column} 应为一字节", f"{column} is one byte")
        if row.type is not None and row.card_kid is None and not draft.builder.doubtful(row, "card_kid"):
            draft.note(row, "type", where, "在卡上的密钥要有 card_kid", "a key on the card needs a card_kid")
        if row.type is None and row.psam_kid is None and not _any_doubt(draft, row, "type", "psam_kid"):
            draft.note(row, "", where, "type 与 psam_kid 都没有：它在哪里？", "neither type nor psam_kid: where is it?")
        if not 1 <= row.tries <= 15:
            draft.note(row, "tries", where, "tries 为 1 至 15", "tries is 1 to 15")
        if row.versions and (list(row.versions) != sorted(set(row.versions)) or row.versions[0] != row.version):
            draft.note(
                row,
                "versions",
                where,
                "versions 应由小到大，第一个等于 version",
                "versions must rise and begin with version",
            )
        if row.type == MASTER and len(row.versions) > 1:
            draft.note(row, "versions", where, "主控密钥只有一个版本", "a master key has one version")
        slot = row.hsm.partition(":")
        if row.hsm and not (len(slot[0]) == 4 and len(slot[2]) == 2 and _hex_digits(slot[0] + slot[2])):
            draft.note(row, "hsm", where, "hsm 应形如 0094:12", "hsm looks like 0094:12")


def _check_specs(draft: Draft) -> None:
    _check_crypto(draft, draft.specs.get("crypto"))
    for name in ("pin", "purse", "psam", "bank"):
        spec = draft.specs.get(name)
        if spec is not None:
            _known(draft, spec, "dir", spec.dir, f"[{name}]")
    for name, spec in draft.specs.items():
        if getattr(spec, "confidence", "A") not in CONFIDENCES:
            draft.note(spec, "confidence", f"[{name}]", "可信度应为 A、B、C", "confidence is A, B or C")
    _check_atr(draft, draft.specs.get("atr"))
    _check_ats(draft, draft.specs.get("contactless"))
    _check_purse(draft, draft.specs.get("purse"))
    pin = draft.specs.get("pin")
    if pin is not None and not (pin.initial.isdigit() and len(pin.initial) == pin.length):
        draft.note(pin, "initial", "[pin]", f"初始密码应为 {pin.length} 位数字", f"initial is {pin.length} digits")
    if pin is not None and not 1 <= pin.max_tries <= 15:
        draft.note(pin, "max_tries", "[pin]", "max_tries 为 1 至 15", "max_tries is 1 to 15")
    certificate = draft.specs.get("certificate")
    if certificate is not None:
        for part in ("ddf", "adf"):
            _known(draft, certificate, part, getattr(certificate, part), "[certificate]")
        for part in ("public_key", "signing_certificate", "encryption_certificate"):
            if f"{certificate.adf}/{getattr(certificate, part)}" not in draft.declared["file"]:
                draft.note(certificate, part, "[certificate]", "此文件未声明", f"{part} names a file not declared")


def _check_crypto(draft: Draft, crypto: Crypto | None) -> None:
    if crypto is None:
        return
    where, doubts = "[crypto]", set()
    if crypto.algorithm not in ALGORITHMS:
        draft.note(crypto, "algorithm", where, f"算法 {crypto.algorithm!r} 未知", "algorithm is not known")
    for name, known in CHOICES.items():
        if getattr(crypto, name) not in known:
            doubts.add(name)
            text = " / ".join(known)
            draft.note(crypto, name, where, f"{name} 应为 {text}", f"{name} is not known; it is one of {text}")
    for name, value in FAMILIES.get(crypto.algorithm, {}).items():
        if name not in doubts and getattr(crypto, name) != value:
            zh, en = f"{crypto.algorithm} 的 {name} 应为 {value}", f"{name} of {crypto.algorithm} is {value}"
            draft.note(crypto, name, where, zh, en)
    if crypto.mac_length not in MAC_LENGTHS:
        draft.note(crypto, "mac_length", where, "mac_length 为 4 或 8", "mac_length is 4 or 8")
    table = draft.builder.table_of(crypto)
    if crypto.algorithm == "sm4" and table is not None and "verified" not in table:
        zh, en = "sm4 要写明 verified = true 或 false", "with sm4 it is said whether it is verified = true or false"
        draft.note(crypto, "algorithm", where, zh, en)


def _check_atr(draft: Draft, atr: AtrSpec | None) -> None:
    if atr is None:
        return
    try:
        built = atr.build(bytes(3), bytes(3))
    except (ValueError, KeyError, IndexError, AttributeError):
        draft.note(
            atr,
            "template",
            "[atr]",
            "template 应为十六进制，含 {region} 与 {serial}",
            "template is hex with {region} and {serial}",
        )
        return
    if atr.historical(built) is None:
        draft.note(
            atr, "accepted", "[atr]", "accepted 不认自己的 template", "accepted does not accept its own template"
        )


def _check_ats(draft: Draft, contactless: ContactlessSpec | None) -> None:
    if contactless is None:
        return
    if contactless.reset_info not in RESET_INFO:
        text = " / ".join(RESET_INFO)
        draft.note(contactless, "reset_info", "[contactless]", f"应为 {text}", f"reset_info is one of {text}")
    try:
        ats = contactless.build(bytes(3), bytes(3))
    except (ValueError, KeyError, IndexError, AttributeError):
        draft.note(contactless, "ats", "[contactless]", "ats 应为十六进制", "ats is hex with {region} and {serial}")
        return
    if ats and ats[0] != len(ats):
        draft.note(
            contactless,
            "ats",
            "[contactless]",
            f"ATS 首字节应为其长度 {len(ats):02X}",
            f"ATS begins with its length {len(ats):02X}",
        )


def _check_names(draft: Draft, names: Mapping[str, Any], table: Table) -> None:
    """[names] first and rest: where the two halves of a name stand, as DIR/FID/tag."""
    tags = {f"{ef.path}/{record.tag:02X}" for ef in draft.files if isinstance(ef, RecordEf) for record in ef.records}
    for name, path in names.items():
        if name not in ("first", "rest") or path not in tags:
            draft.builder.findings.note(table, name, "[names]", f"{name} 不是已声明的记录", f"{name} names no record")


def _check_purse(draft: Draft, purse: PurseEf | None) -> None:
    if purse is None:
        return
    for name, known in (("prove_sequence", PROVE_SEQUENCES), ("prove_order", PROVE_ORDERS)):
        if getattr(purse, name) not in known:
            text = " / ".join(known)
            draft.note(purse, name, "[purse]", f"{name} 应为 {text}", f"{name} is not known; it is one of {text}")


def _check_file(draft: Draft, ef: AnyEf) -> None:
    where = f"[[file]] {ef.path}"
    _known(draft, ef, "dir", ef.dir, where)
    _sure(draft, ef, where)
    if len(ef.fid) != 2:
        draft.note(ef, "fid", where, "fid 应为两字节", "fid is two bytes")
    elif ef.sfi != ef.fid[1] & 0x1F:
        draft.note(ef, "sfi", where, "sfi 应为 fid 的低五位", "sfi is not the low five bits of fid")
    for rule in ("read", "write"):
        for name in sorted(getattr(ef, rule).keys()):
            _check_rule_key(draft, ef, rule, name, where)
        _check_rule_pin(draft, ef, ef.dir, rule, where)
    fields: Sequence[Field] = ef.records if isinstance(ef, RecordEf) else ef.fields
    _unique(draft, fields, lambda item: item.name, "name", f"{ef.path} 中的名称", f"{ef.path} field")
    if not fields:
        draft.note(ef, "", where, "没有记录或字段", "has no record and no field")
    if isinstance(ef, RecordEf):
        _check_records(draft, ef, where)
    else:
        _check_sizes(draft, ef, where)
    for item in fields:
        _check_field(draft, item, f"{where} {item.name}")


def _check_rule_key(draft: Draft, about: object, rule: str, name: str, where: str) -> None:
    if name not in draft.declared["key"]:
        draft.note(about, rule, where, f"{rule} 用到的密钥 {name} 未声明", f"{rule}: key {name} is not declared")
        return
    text = getattr(about, rule).text
    for key in draft.keys:
        if key.name == name and f"key:{name}" in text and key.type != EXTERNAL:
            draft.note(
                about, rule, where, f"{name} 不是外部认证密钥", f"{rule}: {name} is no key of external authentication"
            )


def _check_rule_pin(draft: Draft, about: object, directory: str, rule: str, where: str) -> None:
    asks = any("pin" in proofs for proofs in getattr(about, rule).any_of)
    certificate = draft.specs.get("certificate")  # its directory has a PIN of its own
    if asks and "pin" not in draft.specs and (certificate is None or directory != certificate.adf):
        draft.note(about, rule, where, f"{rule} 要密码，而没有 [pin]", f"{rule} asks for a PIN, and there is no [pin]")


def _check_records(draft: Draft, ef: RecordEf, where: str) -> None:
    if [item.no for item in ef.records] != list(range(1, len(ef.records) + 1)):
        draft.note(ef, "record", where, "记录号应由一连续", "record numbers do not count from one")
    top = 0xFFFF if ef.form == "composite" else 0xFE
    first: dict[int, RecordField] = {}
    for item in ef.records:
        at = f"{where} {item.name}"
        if not 0 < item.tag <= top or not 0 < item.length < 255:
            draft.note(item, "tag", at, "标签与长度各一字节，1 至 254", "tag and length are one byte each, 1 to 254")
        other = first.setdefault(item.tag, item)
        if ef.form == "tlv" and _shape(other) != _shape(item):
            draft.note(
                item,
                "tag",
                at,
                f"标签 {item.tag:02X} 用了两次且格式不同（{other.name}）",
                f"{ef.path}: tag {item.tag:02X} is declared twice, in two forms ({other.name})",
            )
        if item.read is not None:
            for name in sorted(item.read.keys()):
                _check_rule_key(draft, item, "read", name, at)
            _check_rule_pin(draft, item, ef.dir, "read", at)
        _unique(draft, list(leaves(item)), lambda part: part.name, "name", f"{at} 中的名称", f"{at} part")


def _shape(item: RecordField) -> tuple[object, ...]:
    return (item.format, item.length, tuple((part.tag, part.format, part.length) for part in item.items))


def _check_sizes(draft: Draft, ef: TransparentEf | CyclicEf, where: str) -> None:
    total = sum(item.length for item in ef.fields)
    if total != ef.size and not any(draft.builder.doubtful(item, "length") for item in ef.fields):
        draft.note(
            ef,
            "size",
            where,
            f"字段共 {total} 字节，不是 {ef.size}",
            f"fields do not add up to {ef.size} bytes but {total}",
        )
    if isinstance(ef, CyclicEf) and not 1 <= ef.capacity <= 254:
        draft.note(ef, "capacity", where, "循环记录为 1 至 254 条", "a cyclic file holds 1 to 254 records")
    if isinstance(ef, CyclicEf) and not 1 <= ef.size <= 255:
        draft.note(ef, "size", where, "循环记录每条 1 至 255 字节", "a cyclic record has 1 to 255 bytes")


def _check_field(draft: Draft, item: Field, where: str) -> None:
    _sure(draft, item, where)
    parts: tuple[Item, ...] = item.items if isinstance(item, RecordField | Item) else ()
    if parts:
        for part in parts:
            _check_part(draft, part, item, f"{where} {part.name}")
        return
    sound = item.format in FORMATS
    if not sound:
        draft.note(
            item, "format", where, f"格式 {item.format!r} 未知", f"format {item.format!r} is not one of {FORMATS}"
        )
    elif not 1 <= item.length <= LENGTH_MAX:
        draft.note(item, "length", where, f"length 应为 1 至 {LENGTH_MAX}", f"length is 1 to {LENGTH_MAX}")
        sound = False
    elif item.length != EXACT_LENGTH.get(item.format, item.length):
        wanted = EXACT_LENGTH[item.format]
        draft.note(item, "length", where, f"{item.format} 的长度应为 {wanted}", f"length of {item.format} is {wanted}")
        sound = False
    if item.example is None:
        if not draft.builder.doubtful(item, "example"):
            draft.note(item, "", where, "没有例子", "has no example")
    elif sound and not _any_doubt(draft, item, "format", "length", "tag"):
        _check_example(draft, item, where)


def _any_doubt(draft: Draft, about: object, *keys: str) -> bool:
    return any(draft.builder.doubtful(about, key) for key in keys)


def _check_part(draft: Draft, part: Item, whole: Field, where: str) -> None:
    form = getattr(whole, "form", "") or ("ber" if part.tag > 0xFF else "")
    if form == "composite":
        if part.tag:
            draft.note(part, "tag", where, "复合记录的字段没有标签", "a field of a composite record has no tag")
    elif not part.tag and not draft.builder.doubtful(part, "tag"):
        draft.note(part, "", where, "缺少 tag", "lacks 'tag'")
    _check_field(draft, part, where)


def _check_example(draft: Draft, item: Field, where: str) -> None:
    try:
        value, raw = codecs.example(item)
        encoded = codecs.encode_whole(item, value, draft.edition)
        again = codecs.decode_whole(item, raw, draft.edition) if encoded == raw else None
    except (FieldError, CardDataError, ValueError, OverflowError) as bad:
        draft.note(item, "example", where, f"例子不能编码：{bad}", f"example cannot be encoded ({bad})")
        return
    if encoded != raw:
        draft.note(
            item,
            "example",
            where,
            f"例子编码后应为 {_short(encoded)}",
            f"example does not encode to its hex but to {_short(encoded)}",
        )
    elif codecs.encode_whole(item, again if again is not None else value, draft.edition) != raw:
        draft.note(item, "example", where, "例子解码后不能还原", "example does not come back from its bytes")


def _short(raw: bytes) -> str:
    text = raw.hex().upper()
    return text if len(text) <= 80 else f"{text[:72]}… ({len(raw)})"


def leaves(item: RecordField | Item) -> Iterable[Item]:
    """The parts of a constructed record that hold values."""
    for part in item.items:
        if part.items:
            yield from leaves(part)
        else:
            yield part


def _unique(draft: Draft, rows: Sequence[Any], name: Callable[[Any], str], key: str, zh: str, en: str) -> None:
    seen: set[str] = set()
    for row in rows:
        if (text := name(row)) in seen:
            draft.note(row, key, f"{en} {text}", f"{zh} {text} 重复", f"{draft.name}: {en} {text} is declared twice")
        seen.add(text)


def _known(draft: Draft, about: object, key: str, name: str, where: str) -> bool:
    if name in draft.declared["dir"]:
        return True
    draft.note(about, key, where, f"目录 {name} 未声明", f"directory {name} is not declared")
    return False


def _sure(draft: Draft, row: Any, where: str) -> None:
    if row.confidence not in CONFIDENCES:
        draft.note(
            row,
            "confidence",
            where,
            f"可信度 {row.confidence!r} 应为 A、B、C",
            "unknown format or confidence: A, B or C",
        )


def _hex_digits(text: str) -> bool:
    return all(digit in "0123456789ABCDEFabcdef" for digit in text)
