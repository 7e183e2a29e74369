"""The pages that draw the card, made from the profiles and from nothing else: `onecard card profile draw`."""

from collections.abc import Iterator
from importlib.resources import files

from card.files import codecs
from card.files.kinds import AnyEf, CyclicEf, Field, Item, KeySpec, RecordEf, RecordField
from card.files.profile import Profile, builtin_names, load_profile, overlay_names
from card.files.tree import fields_of
from terminal.card_states import keys_drawing, states_drawing
from terminal.card_svg import RULES, size_of, tree_drawing

MADE = "<!-- Made by `onecard card profile draw` from card/profiles/*.toml; change those and make it again. -->"
SHOWN_BYTES = 20
KINDS = {"ssc": "社会保障卡 social security card", "purse": "电子钱包 purse", "bank": "银行应用 bank application"}
KINDS["psam"] = "PSAM"
KEY_TYPES = {
    0x00: "主控 master",
    0x07: "线路 line",
    0x08: "圈存 load",
    0x09: "消费 purchase",
    0x0A: "TAC",
    0x0B: "PUK",
    0x0C: "圈提 unload",
    0x0D: "外部认证 external",
    0x0E: "内部认证 internal",
}


def profiles() -> tuple[Profile, ...]:
    """Every profile that has a page: ours, then one of each overlay on what it extends."""
    overlays = [f"{base}+{name}" for base, name in overlay_names()]
    return tuple(load_profile(name) for name in (*builtin_names(), *overlays))


def draw() -> dict[str, str]:
    """Path below docs/ -> content of every page and drawing."""
    known = profiles()
    pages = {"card.md": _overview(known)}
    for profile in known:
        stem = page_name(profile)
        pages[f"img/{stem}-tree.svg"] = tree_drawing(profile)
        if profile.pin is not None and not profile.extends:
            pages[f"img/{stem}-states.svg"] = states_drawing(profile)
        if profile.factors and not _same_keys(profile):
            pages[f"img/{stem}-keys.svg"] = keys_drawing(profile)
        pages[f"{stem}.md"] = _page(profile, pages)
    return pages


def page_name(profile: Profile) -> str:
    """`card-ssc-2.00` of a profile."""
    return "card-" + profile.name.replace("+", "-")


def _same_keys(profile: Profile) -> bool:
    """True where the profile it extends has the same way of keys and a drawing of it."""
    return bool(profile.extends) and load_profile(profile.extends).crypto == profile.crypto


# ---- the overview -------------------------------------------------------------------------------------------------


def _overview(known: tuple[Profile, ...]) -> str:
    page = files("terminal").joinpath("card_page.j2").read_text("utf-8")
    parts = {"made": MADE, "profiles": "\n".join(_profile_table(known)), "access": "\n".join(_access_table())}
    for name, text in parts.items():
        page = page.replace(f"{{{{ {name} }}}}", text)
    return page


def _profile_table(known: tuple[Profile, ...]) -> Iterator[str]:
    yield "| profile | 名称 | what | version | text | keys | protocols | files | |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for profile in known:
        marks = ["read only"] if profile.read_only else []
        marks += [] if profile.verified and profile.crypto.verified else ["**unverified**"]
        yield (
            f"| [{profile.name}]({page_name(profile)}.md) | {profile.zh} | {profile.en} | {profile.version} | "
            f"{profile.text_codec.value} | {profile.crypto.algorithm.upper()} | {', '.join(profile.protocols)} | "
            f"{len(profile.files)} | {', '.join(marks)} |"
        )


def _access_table() -> Iterator[str]:
    yield "| 条件 | access | |"
    yield "|---|---|---|"
    meanings = {
        "free": "anybody",
        "pin": "VERIFY with the holder's own PIN",
        "key": "EXTERNAL AUTHENTICATION with the named key",
        "pin|key": "one of the two",
        "pin+key": "both",
        "mac": "a command with a MAC under the named key",
        "capp": "only inside a compound purchase, written with the debit",
        "cos": "written by the operating system itself",
        "forbidden": "nobody",
    }
    for rule, meaning in meanings.items():
        yield f"| {RULES[rule][1]} | `{_cell(rule)}` | {meaning} |"


# ---- one profile --------------------------------------------------------------------------------------------------


def _page(profile: Profile, pages: dict[str, str]) -> str:
    stem = page_name(profile)
    lines = [f"# {profile.name}: {profile.zh} · {profile.en}", "", MADE, "", *_facts(profile), ""]
    for part, what in (("tree", "tree"), ("keys", "keys"), ("states", "states")):
        if f"img/{stem}-{part}.svg" in pages:
            lines += [f"![{what} of {profile.name}](img/{stem}-{part}.svg)", ""]
    lines += ["## Directories", "", *_dirs(profile), ""]
    if profile.keys:
        lines += ["## Keys", "", *_keys(profile), ""]
    lines += ["## Files", ""]
    for ef in profile.files:
        lines += [*_file(profile, ef), ""]
    return "\n".join(lines)


def _facts(profile: Profile) -> Iterator[str]:
    crypto = profile.crypto
    yield "| | |"
    yield "|---|---|"
    yield f"| kind | {KINDS[profile.kind]} |"
    yield f"| version | {profile.version} |"
    if profile.extends:
        yield f"| extends | [{profile.extends}](card-{profile.extends}.md) |"
    yield f"| text | {profile.text_codec.value} |"
    yield f"| protocols | {', '.join(profile.protocols)} |"
    doubt = "" if profile.verified and crypto.verified else "; **unverified**"
    yield f"| algorithm | {crypto.algorithm.upper()}, id {crypto.algorithm_id:02X}{doubt} |"
    yield f"| session, MAC | {_cell(crypto.session)}; {crypto.mac}, {crypto.mac_length} bytes, IV {crypto.mac_iv} |"
    if profile.atr:
        yield f"| ATR | `{profile.atr.template}` |"
    if profile.contactless and profile.contactless.allowed:
        refused = ", ".join(profile.contactless.refused) or "nothing"
        yield f"| contactless | ATS `{profile.contactless.ats or '-'}`; refuses {refused} |"
    elif profile.contactless:
        yield "| contactless | no |"
    for name, factor in profile.factors.items():
        yield f"| factor, {name} | {factor} |"
    if profile.pin:
        yield f"| PIN | {profile.pin.length} digits, {profile.pin.max_tries} tries, in {profile.pin.dir} |"
    if profile.purse:
        kinds = ", ".join(f"{name} {code:02X}" for name, code in profile.purse.types.items())
        yield f"| purse | {kinds}; at most {profile.purse.max_balance} fen |"
    if profile.bank:
        yield f"| bank | GPO `{profile.bank.gpo.hex().upper()}`, AFL `{profile.bank.afl.hex().upper()}` |"
    if profile.read_only:
        yield "| writing | refused: read only |"


def _dirs(profile: Profile) -> Iterator[str]:
    yield "| directory | | FID | AID | under | sure |"
    yield "|---|---|---|---|---|---|"
    for item in profile.dirs:
        aid = f"`{item.aid.hex().upper()}`" if item.aid else ""
        yield (
            f"| {item.name} | {item.name_zh} {item.name_en} | {item.fid.hex().upper()} | {aid} | {item.parent} "
            f"| {item.confidence} |"
        )


def _keys(profile: Profile) -> Iterator[str]:
    yield "| key | directory | type | card kid | PSAM kid | HSM address:id | versions | tries | sure | opens |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for key in profile.keys:
        kind = KEY_TYPES.get(key.type, f"{key.type:02X}") if key.type is not None else "PSAM"
        columns = [
            key.name,
            key.dir,
            kind,
            _byte(key.card_kid),
            _byte(key.psam_kid) + _doubt(key.psam_confidence, key),
            key.hsm + _doubt(key.hsm_confidence, key),
            ", ".join(map(str, key.all_versions)),
            str(key.tries) if key.type is not None else "",
            key.confidence,
            _opens(profile, key),
        ]
        yield "| " + " | ".join(columns) + " |"


def _byte(number: int | None) -> str:
    return "" if number is None else f"{number:02X}"


def _doubt(sure: str, key: KeySpec) -> str:
    return f" ({sure})" if sure and sure != key.confidence else ""


def _opens(profile: Profile, key: KeySpec) -> str:
    reads = [ef.path for ef in profile.files if _reads(ef, key.name)]
    writes = [ef.path for ef in profile.files if ef.write.asks_for(key.name)]
    parts = [f"read {', '.join(reads)}"] if reads else []
    parts += [f"write {', '.join(writes)}"] if writes else []
    return "; ".join(parts)


def _reads(ef: AnyEf, key: str) -> bool:
    records = ef.records if isinstance(ef, RecordEf) else ()
    return ef.read.asks_for(key) or any(record.read.asks_for(key) for record in records if record.read)


def _file(profile: Profile, ef: AnyEf) -> Iterator[str]:
    yield f"### {ef.path} {ef.name_zh} · {ef.name_en}"
    yield ""
    filled = "" if ef.personalised else "; left blank by the issuer"
    yield (
        f"{_kind(ef)}, SFI {ef.sfi:02X}; read `{ef.read.text}`, write `{ef.write.text}`; {size_of(ef)}; "
        f"sure: {ef.confidence}{filled}."
    )
    yield ""
    head = "| no. | tag | name | 名称 | what | format | bytes | example | becomes | sure |"
    yield head
    yield "|" + "---|" * 10
    for number, item in enumerate(fields_of(ef), 1):
        yield from _rows(ef, item, number)


def _kind(ef: AnyEf) -> str:
    if isinstance(ef, RecordEf):
        return {"tlv": "Records", "ber": "BER records", "composite": "Composite records"}[ef.form]
    return f"Cyclic, {ef.capacity} of {ef.size} bytes" if isinstance(ef, CyclicEf) else "Transparent"


def _rows(ef: AnyEf, item: Field, number: int) -> Iterator[str]:
    tag = ef.reference(item) if isinstance(ef, RecordEf) and isinstance(item, RecordField) else ""
    value, raw = codecs.example(item)
    parts = item.items if isinstance(item, RecordField) else ()
    shown = "" if parts else _cell(codecs.show(value))
    sure = item.confidence + (f", name {item.name_confidence}" if item.name_confidence else "")
    note = f"; read `{item.read.text}`" if isinstance(item, RecordField) and item.read else ""
    yield (
        f"| {number} | {tag} | `{item.name}` | {item.zh} | {item.en}{note} | {item.format} | {item.length} | {shown} | "
        f"{_hex(raw)} | {sure} |"
    )
    for part in parts:
        yield from _part_rows(part, 1)


def _part_rows(part: Item, depth: int) -> Iterator[str]:
    tag = f"{'· ' * depth}{part.tag:02X}" if part.tag else "·"
    value, raw = codecs.example(part)
    shown = "" if part.items else _cell(codecs.show(value))
    sure = part.confidence + (f", name {part.name_confidence}" if part.name_confidence else "")
    yield (
        f"| | {tag} | `{part.name}` | {part.zh} | {part.en} | {part.format} | {part.length} | {shown} | {_hex(raw)} "
        f"| {sure} |"
    )
    for inner in part.items:
        yield from _part_rows(inner, depth + 1)


def _cell(text: str) -> str:
    """For a cell of a table, where a bar would begin the next one, in code too."""
    text = text.replace("|", "\\|")
    return text if len(text) <= 40 else f"{text[:36]}…"


def _hex(raw: bytes) -> str:
    if len(raw) <= SHOWN_BYTES:
        return f"`{raw.hex().upper()}`"
    body = raw.rstrip(raw[-1:])
    if len(body) <= SHOWN_BYTES and len(raw) - len(body) > 1:
        return f"`{body.hex().upper()}` + {len(raw) - len(body)} × `{raw[-1]:02X}`"
    return f"`{raw[:SHOWN_BYTES].hex().upper()}…` ({len(raw)})"


def declared_paths() -> dict[str, tuple[str, ...]]:
    """Profile name -> paths of all its files, for the test that every one is on a page."""
    return {profile.name: tuple(ef.path for ef in profile.files) for profile in profiles()}
