"""LD/T 6001.3-2023, data and keys: its groups by name (card §4.5, A). There is no group for DF06."""

from collections.abc import Callable
from functools import partial

from card import commands
from card.apdu import SW, CommandApdu
from card.errors import CardError, ForeignCardError
from card.files.kinds import CyclicEf, RecordEf
from card.files.specs import CertificateSpec
from card.session import SscSession
from card.status import send
from keys.certificate import CardCertificate
from keys.errors import CertificateError, KeysError
from terminal.check.bench import CheckBench, Item, Outcome, failed, names, not_applicable, not_tried, passed
from terminal.check.implementer import atr_form, reset_fields

DATA = "LD/T 6001.3-2023 数据与密钥 data and keys"
DIRS = ("SSSE", "DF01", "DF02", "DF03", "DF04", "DF05", "DF07")
KEY_VERSIONS = (1, 2, 3)
_REFUSED = (SW.SECURITY_NOT_SATISFIED, SW.CONDITIONS_NOT_SATISFIED, SW.METHOD_BLOCKED, SW.NO_CHALLENGE)
_CERTIFICATE_HEAD = 4
_CHUNK = 0x70
_LEVEL_NAMES = {"A": "", "B": "（规格单一来源）", "C": "（规格为本项目约定）"}


def change_pin(bench: CheckBench) -> Outcome:
    """6.1 CHANGE PIN. Old to old would write the card's memory, so it is done only when writing is allowed."""
    if bench.pin is None or not bench.write_back:
        return not_tried(
            "要 --ask-pin 和 --write-back（改成原密码）", "needs --ask-pin and --write-back (changes the PIN to itself)"
        )
    session = bench.fresh()
    answer = send(bench.channel, commands.change_pin(bench.pin, bench.pin))
    if not answer.ok:
        return failed(f"修改密码答 {answer.sw:04X}", f"CHANGE PIN answers {answer.sw:04X}")
    session.verify_pin(bench.pin)
    return passed("改成原密码，再验证通过", "changed to itself, then verified")


def atr(bench: CheckBench) -> Outcome:
    """6.2 ATR: form and fields together."""
    form = atr_form(bench)
    return form if form.result != "pass" else reset_fields(bench)


def records(directory: str, bench: CheckBench) -> Outcome:
    """7 *_RECORD: every declared record is there and decodes."""
    lost = _absent(bench, directory)
    if lost is not None:
        return lost
    reads = bench.read_records(directory)
    if reads.malformed or reads.missing:
        wrong = names([*reads.malformed, *reads.missing])
        return failed(f"缺少或格式不对：{wrong}", f"missing or malformed: {wrong}")
    fine = len(reads.good) + len(reads.blank)
    if reads.closed and not fine:
        return not_tried(
            f"{len(reads.closed)} 条记录要密码或密钥（--ask-pin、--psam）",
            f"{len(reads.closed)} records need a PIN or a key (--ask-pin, --psam)",
        )
    if not fine:
        return not_applicable("规格里没有记录文件", "the profile declares no record files here")
    rest = (
        (f"；{len(reads.closed)} 条要密码或密钥", f"; {len(reads.closed)} need a PIN or a key")
        if reads.closed
        else ("", "")
    )
    return passed(
        f"{fine} 条记录格式正确，其中 {len(reads.blank)} 条未写入{rest[0]}",
        f"{fine} records are well formed, {len(reads.blank)} of them not personalised{rest[1]}",
    )


def safety(directory: str, bench: CheckBench) -> Outcome:
    """8 *_SAFETY: without proofs, closed files refuse to be read, and records refuse to be written."""
    lost = _absent(bench, directory)
    if lost is not None:
        return lost
    session = bench.fresh()
    session.select_dir(directory)
    open_, closed = _try_reading(bench, session, directory)
    if open_:
        return failed(f"没有验证就能读：{names(open_)}", f"readable without proof: {names(open_)}")
    written, tried = _try_writing(bench, session, directory) if bench.write_back else ([], 0)
    if written:
        return failed(f"没有验证就能写：{names(written)}", f"writable without proof: {names(written)}")
    note = (
        (f"，{tried} 次写入被拒", f", {tried} writes refused")
        if bench.write_back
        else ("，写入未试（--write-back）", "; writing not tried (--write-back)")
    )
    if not closed and not tried:
        return passed(f"没有要保护读取的文件{note[0]}", f"no file is closed to readers{note[1]}")
    return passed(f"{closed} 处读取被拒{note[0]}", f"{closed} reads refused{note[1]}")


def _try_reading(bench: CheckBench, session: SscSession, directory: str) -> tuple[list[str], int]:
    """(references that could be read and should not, how many were refused)."""
    wrongly: list[str] = []
    refused = 0
    for ef in session.profile.files_of(directory):
        if isinstance(ef, RecordEf):
            places = [
                (f"{ef.fid.hex().upper()}.{ef.reference(r)}", commands.read_record(r.no, ef.sfi, r.size), ef.read_of(r))
                for r in ef.records
            ]
        elif isinstance(ef, CyclicEf):
            places = [(ef.fid.hex().upper(), commands.read_record(1, ef.sfi, ef.size), ef.read)]
        else:
            places = [(ef.fid.hex().upper(), commands.read_binary(ef.sfi, 0, min(ef.size, 16)), ef.read)]
        for ref, command, access in places:
            if access.free:
                continue
            sw = send(bench.channel, command).sw
            if sw in (SW.OK, SW.END_OF_FILE):
                wrongly.append(ref)
            elif sw in _REFUSED:
                refused += 1
    return wrongly, refused


def _try_writing(bench: CheckBench, session: SscSession, directory: str) -> tuple[list[str], int]:
    """The very bytes that stand there are sent as an update; a sound card refuses, an unsound one changes nothing."""
    wrongly: list[str] = []
    tried = 0
    for ef in session.profile.files_of(directory):
        if not isinstance(ef, RecordEf) or ef.write.free:
            continue
        for record in ef.records[:1]:
            if not ef.read_of(record).free:
                continue
            raw = session.read_record_raw(ef, record)
            tried += 1
            if send(bench.channel, commands.update_record(record.no, ef.sfi, raw)).ok:
                wrongly.append(f"{ef.fid.hex().upper()}.{ef.reference(record)}")
    return wrongly, tried


def key_version(number: int, bench: CheckBench) -> Outcome:
    """9 KEY_VER1-3: INTERNAL AUTHENTICATION naming the version as the 17th byte (card §3.1); it costs no try."""
    key = bench.profile.key("IRK")
    if number not in key.all_versions:
        return not_applicable(f"规格里没有第 {number} 版密钥", f"the profile declares no version {number}")
    if bench.rights is None:
        return not_tried(
            "要有 PSAM（--psam）或测试密钥（--test-keys）", "needs a PSAM (--psam) or test keys (--test-keys)"
        )
    session = bench.fresh()
    factor, original = bench.rights.entropy.token(8), bench.rights.entropy.token(8)
    command = commands.internal_authenticate(key.card_kid or 0, factor, original, number)
    answer = send(bench.channel, command)
    if not answer.ok:
        if number != key.all_versions[0] and answer.sw in (SW.KEY_NOT_FOUND, SW.KEY_INDEX_MISSING):
            return not_applicable(f"卡上还没有装第 {number} 版", f"version {number} is not loaded on this card yet")
        return failed(f"第 {number} 版答 {answer.sw:04X}", f"version {number} answers {answer.sw:04X}")
    try:
        wanted = bench.rights.crypto(session).authenticate(key, factor, original, number)
    except KeysError as lacking:
        return not_tried(
            f"这里没有第 {number} 版密钥：{lacking.code}", f"version {number} of the key is not here: {lacking.code}"
        )
    if answer.data != wanted:
        return failed(f"第 {number} 版密钥不对", f"the key of version {number} is another one")
    return passed(f"第 {number} 版密钥正确", f"the key of version {number} is right")


def _absent(bench: CheckBench, directory: str) -> Outcome | None:
    """Why this directory is not looked at, None when it is there."""
    declared = next((item for item in bench.profile.dirs if item.name == directory), None)
    if declared is None or not bench.profile.files_of(directory):
        return not_applicable(f"{bench.profile.name} 没有 {directory}", f"{bench.profile.name} has no {directory}")
    try:
        bench.fresh().select_dir(directory)
    except ForeignCardError:
        if declared.confidence == "A":
            return failed(f"卡上没有 {directory}", f"no {directory} on this card")
        note = _LEVEL_NAMES[declared.confidence]
        return not_applicable(f"卡上没有 {directory}{note}", f"no {directory} on this card; its place is not confirmed")
    return None


def _certificates(bench: CheckBench, work: Callable[[CheckBench, CertificateSpec], Outcome]) -> Outcome:
    spec = bench.profile.certificate
    if spec is None:
        return not_applicable("1.00、2.00 没有证书应用", "versions 1.00 and 2.00 have no certificate application")
    bench.channel.reset()
    for name in (spec.ddf, spec.adf):
        if not bench.has_dir(name):
            return failed(f"没有证书应用目录 {name}", f"no certificate directory {name}")
    return work(bench, spec)


def _read_file(bench: CheckBench, fid: str, size: int) -> bytes | None:
    """Up to `size` bytes of a transparent file of the selected directory; None when it cannot be read."""
    if not send(bench.channel, commands.select_ef(bytes.fromhex(fid))).ok:
        return None
    content = b""
    while len(content) < size:
        answer = send(bench.channel, commands.read_binary_current(len(content), min(_CHUNK, size - len(content))))
        if not answer.data or answer.sw not in (SW.OK, SW.END_OF_FILE):
            break
        content += answer.data
    return content or None


def certificate_files(bench: CheckBench, spec: CertificateSpec) -> Outcome:
    """ACSE_RECORD: public key and certificates can be read (card §6.1, B)."""
    lacking = [
        fid
        for fid in (spec.public_key, spec.signing_certificate, spec.encryption_certificate)
        if _read_file(bench, fid, 0x42) is None
    ]
    if lacking:
        return failed(f"读不到 {names(lacking)}", f"cannot be read: {names(lacking)}")
    return passed("公钥与两张证书可读", "public key and both certificates can be read")


def certificate_safety(bench: CheckBench, spec: CertificateSpec) -> Outcome:
    """ACSE_SAFETY: no signature without the certificate PIN; the digest is of zeros, so a wrong one signs nothing."""
    cla, ins, p1, p2 = spec.sign
    answer = send(bench.channel, CommandApdu(cla, ins, p1, p2, bytes(32), le=64))
    if answer.ok:
        return failed("没有密码也能签名", "it signs without a PIN")
    if answer.sw not in _REFUSED:
        return not_tried(
            f"签名命令答 {answer.sw:04X}，看不出权限",
            f"the signature command answers {answer.sw:04X}, which tells nothing",
        )
    return passed(f"没有密码不签名（{answer.sw:04X}）", f"no signature without a PIN ({answer.sw:04X})")


def check_certificate(bench: CheckBench, spec: CertificateSpec) -> Outcome:
    """CHECK_CERT: the signing certificate is one, and speaks of the card's own public key."""
    head = _read_file(bench, spec.signing_certificate, _CERTIFICATE_HEAD)
    if head is None or not head.strip(b"\xff\x00"):
        return not_tried("签名证书还没有写入", "the signing certificate is not personalised")
    if head[:2] != b"\x30\x82":
        return failed("文件里不是证书", "the file holds no certificate")
    der = _read_file(bench, spec.signing_certificate, _CERTIFICATE_HEAD + int.from_bytes(head[2:4], "big")) or b""
    try:
        certificate = CardCertificate.parse(der)
    except CertificateError as bad:
        return failed(f"不是 SM2 证书：{bad}", f"no SM2 certificate: {bad}")
    if certificate.public != (_read_file(bench, spec.public_key, 0x42) or b"")[-64:]:
        return failed("证书里的公钥不是卡里的公钥", "the certificate speaks of another public key")
    return passed(
        "SM2 证书，公钥与卡内一致；签发者与有效期未核验",
        "an SM2 certificate of the card's own key; issuer and validity are not checked",
    )


def _items() -> tuple[Item, ...]:
    made = [
        Item("data.change_pin", DATA, "6.1 CHANGE PIN", "修改密码", "change PIN", change_pin),
        Item("data.atr", DATA, "6.2 ATR", "复位应答", "answer to reset", atr),
    ]
    made += [
        Item(f"data.{d.lower()}_record", DATA, f"7 {d}_RECORD", f"{d} 记录", f"records of {d}", partial(records, d))
        for d in DIRS
    ]
    made += [
        Item(f"data.{d.lower()}_safety", DATA, f"8 {d}_SAFETY", f"{d} 权限", f"rights of {d}", partial(safety, d))
        for d in DIRS
    ]
    made += [
        Item(f"data.key_ver{n}", DATA, f"9 KEY_VER{n}", f"第 {n} 版密钥", f"key version {n}", partial(key_version, n))
        for n in KEY_VERSIONS
    ]
    for name, zh, en, work in (
        ("acse_record", "证书文件", "certificate files", certificate_files),
        ("acse_safety", "签名权限", "rights of signing", certificate_safety),
        ("check_cert", "证书内容", "the certificate itself", check_certificate),
    ):
        made.append(Item(f"data.{name}", DATA, f"10 {name.upper()}", zh, en, partial(_certificates, work=work), "3"))
    return tuple(made)


ITEMS = _items()


def certificate_group(bench: CheckBench) -> Outcome:
    """证书应用 of LD/T 6001.2: the application is there and selectable."""
    try:
        return _certificates(bench, certificate_files)
    except CardError as refused:
        return failed(f"证书应用答错：{refused}", f"the certificate application answers wrongly: {refused}")
