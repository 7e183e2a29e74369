"""`onecard card profile check FILE | list | draw`: profiles explained to those who write them.

`check` names every mistake at once, each with its line and its reason in two languages; it reads any bytes at all.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from card.errors import ProfileError
from card.files.codecs import example
from card.files.profile import (
    Problem,
    Profile,
    builtin_names,
    examine,
    load_profile,
    overlay_names,
    profile_text,
)
from card.files.tree import fields_of
from card.texts import both
from terminal.card_desk import DONE, NO, NOT_TRIED, Arguments
from terminal.card_drawing import draw

MAX_BYTES = 4 << 20


def main_profile(argv: Sequence[str]) -> int:
    """Run one of the three; exit status 0 sound, 1 mistakes (or pages that drifted), 2 not readable, 64 usage."""
    parser = Arguments(prog="onecard card profile", description="卡片模板 · card profiles")
    parts = parser.add_subparsers(dest="what", required=True, parser_class=Arguments)
    check = parts.add_parser("check", help="逐条说明一个模板文件的错误 · explain every mistake of a file")
    check.add_argument("file", help="TOML 文件，或内置模板的名称 · a file, or the name of a built-in profile")
    check.add_argument("--json", action="store_true")
    listing = parts.add_parser("list", help="内置模板 · the built-in profiles")
    listing.add_argument("--json", action="store_true")
    drawing = parts.add_parser("draw", help="由模板生成卡片图页 · make the pages that draw the card")
    drawing.add_argument("--out", type=Path, default=Path("docs"), help="目录 · folder, default docs")
    drawing.add_argument("--check", action="store_true", help="只比较，不写 · compare only, write nothing")
    options = parser.parse_args(list(argv))
    if options.what == "check":
        return _check(options.file, options.json)
    return _list(options.json) if options.what == "list" else _draw(options.out, options.check)


def _check(name: str, as_json: bool) -> int:
    try:
        raw = _read(name)
    except (OSError, ProfileError) as bad:
        print(f"{both('E-PROFILE-FILE')}\n  {name}: {bad}")
        return NOT_TRIED
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        problem = Problem(name, line, "UTF-8", f"第 {bad.start} 字节不是 UTF-8", f"byte {bad.start} is not UTF-8")
        return _report(None, (problem,), name, as_json)
    return _report(*examine(text, name), name, as_json)


def _read(name: str) -> bytes:
    path = Path(name)
    if not path.exists() and name in builtin_names():
        return profile_text(name).encode("utf-8")
    if not path.is_file():
        raise ProfileError("不是文件 not a file")
    if path.stat().st_size > MAX_BYTES:
        raise ProfileError(f"超过 {MAX_BYTES >> 20} MB more than {MAX_BYTES >> 20} MB")
    return path.read_bytes()


def _report(profile: Profile | None, problems: tuple[Problem, ...], name: str, as_json: bool) -> int:
    if as_json:
        rows = [
            {"source": item.source, "line": item.line, "where": item.where, "zh": item.zh, "en": item.en}
            for item in problems
        ]
        known = profile.name if profile else ""
        print(json.dumps({"ok": not problems, "profile": known, "problems": rows}, ensure_ascii=False))
        return NO if problems else DONE
    for item in problems:
        place = f"{item.source}:{item.line}" if item.line else item.source
        print(f"{place}: {item.where}\n    {item.zh}\n    {item.en}")
    if problems:
        print(f"\n共 {len(problems)} 处错误 · {len(problems)} mistakes in {name}")
        return NO
    if profile is not None:
        print(f"无误 sound: {_summary(profile)}")
    return DONE


def _summary(profile: Profile) -> str:
    fields = [item for ef in profile.files for item in fields_of(ef)]
    counts = (
        ("目录 directories", len(profile.dirs)),
        ("文件 files", len(profile.files)),
        ("记录与字段 records and fields", len(fields)),
        ("密钥 keys", len(profile.keys)),
        ("例子字节 bytes of examples", sum(len(example(item)[1]) for item in fields)),
    )
    told = ", ".join(f"{what} {number}" for what, number in counts)
    return f"{profile.name} {profile.zh} · {profile.en}\n  {told}"


def _list(as_json: bool) -> int:
    names = [*builtin_names(), *(f"{load_base}+{name}" for load_base, name in overlay_names())]
    profiles = [load_profile(name) for name in names]
    if as_json:
        print(json.dumps([_row(profile) for profile in profiles], ensure_ascii=False))
        return DONE
    for profile in profiles:
        marks = ["只读 read-only"] if profile.read_only else []
        marks += ["未证实 unverified"] if _doubtful(profile) else []
        note = f"  [{', '.join(marks)}]" if marks else ""
        print(f"{profile.name:<18} {profile.kind:<6} {profile.zh} · {profile.en}{note}")
    return DONE


def _row(profile: Profile) -> dict[str, object]:
    return {
        "name": profile.name,
        "kind": profile.kind,
        "version": profile.version,
        "text_codec": profile.text_codec.value,
        "protocols": list(profile.protocols),
        "algorithm": profile.crypto.algorithm,
        "read_only": profile.read_only,
        "verified": not _doubtful(profile),
        "directories": len(profile.dirs),
        "files": len(profile.files),
        "keys": len(profile.keys),
    }


def _doubtful(profile: Profile) -> bool:
    return not (profile.verified and profile.crypto.verified)


def _draw(folder: Path, compare: bool) -> int:
    pages = draw()
    drifted = []
    for name, content in sorted(pages.items()):
        path = folder / name
        if path.is_file() and path.read_text("utf-8") == content:
            continue
        drifted.append(name)
        if not compare:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
    for name in drifted:
        print(f"{'不一致 differs' if compare else '已写 written'}: {folder / name}")
    print(f"{len(pages)} 页与图 pages and drawings, {len(drifted)} {'不一致 differ' if compare else '更新 updated'}")
    return NO if drifted and compare else DONE
