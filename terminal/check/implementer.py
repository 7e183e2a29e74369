"""The implementer's check list (card §4.5, B): ATR, factors, identification code, version, body, files, records."""

from card import commands
from card.domain.identity import CITIZEN_CHECKS, CITIZEN_WEIGHTS, CardNumber, IdentityFormatError
from card.errors import CardError, NotGenuineError
from card.files.kinds import RecordEf
from card.interface import Interface, interface_of
from card.session import SscSession
from card.status import send
from keys.errors import KeysError
from terminal.card_rights import open_dir
from terminal.check.bench import CheckBench, Item, Outcome, failed, names, not_applicable, not_tried, passed

LIST = "实施核对表 implementer's check list"
RID = "d156000005"
_TYPICAL = 17


def atr_form(bench: CheckBench) -> Outcome:
    """17 bytes, T=0, 13 historical bytes (card §1.12, A)."""
    atr = bench.channel.atr
    if bench.found is None:
        return failed("复位应答不是社会保障卡的形式", "the answer to reset has not the form of this card")
    spec, historical = bench.profile.atr, bench.fresh().atr.historical
    if spec is None or len(historical) != spec.historical_length:
        return failed(
            f"历史字节 {len(historical)} 个，不合规格", f"{len(historical)} historical bytes, not as declared"
        )
    if interface_of(atr) is Interface.CONTACTLESS:
        return passed(
            f"非接触：历史字节 {len(historical)} 个，来自选择应答",
            f"contactless: {len(historical)} historical bytes, from the answer to select",
        )
    return passed(f"{len(atr)} 字节，历史字节 {len(historical)} 个", f"{len(atr)} bytes, {len(historical)} historical")


def reset_fields(bench: CheckBench) -> Outcome:
    """00, maker 4, 86, vendor 1, region 3 BCD, serial 3 (card §1.12, B)."""
    historical = bench.fresh().atr.historical
    if historical[0] != 0x00 or historical[5] != 0x86:
        return failed("00 或 86 不在该在的位置", "00 or 86 is not in its place")
    if not historical[7:10].hex().isdigit():
        return failed("地区三字节不是 BCD", "the region is not BCD")
    return passed("00、厂商、86、地区、序号各在其位", "00, maker, 86, region and serial are in their places")


def factors(bench: CheckBench) -> Outcome:
    """Card factor: last 8 historical bytes; city factor: six digits and `sx` (card §3.2, A)."""
    facts = bench.fresh().atr
    if not facts.region.isdigit():
        return failed("城市因子得不出来：地区不是数字", "no city factor: the region is not digits")
    return passed(
        f"卡片因子 {facts.card_factor.hex().upper()}，城市 {facts.region}",
        f"card factor {facts.card_factor.hex().upper()}, city {facts.region}",
    )


def genuine(bench: CheckBench) -> Outcome:
    """INTERNAL AUTHENTICATION with both factors (card §2.2)."""
    if bench.rights is None:
        return not_tried(
            "要有 PSAM（--psam）或测试密钥（--test-keys）", "needs a PSAM (--psam) or test keys (--test-keys)"
        )
    session = bench.fresh()
    try:
        bench.rights.prove_chip(session)
    except (NotGenuineError, KeysError) as no:
        bench.proven = False
        return failed(
            f"芯片没有证明自己（{bench.rights.source}）：{no}",
            f"the chip did not prove itself ({bench.rights.source}): {no}",
        )
    bench.proven = True
    return passed(
        f"内部认证通过，密钥来自 {bench.rights.source}",
        f"internal authentication passed, keys of {bench.rights.source}",
    )


def _card_id(bench: CheckBench) -> tuple[SscSession, bytes]:
    session = bench.fresh()
    value = session.read_free().get("card_id", b"")
    return session, value if isinstance(value, bytes) else b""


def card_id_city(bench: CheckBench) -> Outcome:
    """Bytes 1-3 are the city of issue; the RID follows; the serial is the ATR's in 1.00 and 2.00 (card §1.10)."""
    session, raw = _card_id(bench)
    if len(raw) != 16:
        return not_tried("卡识别码还没有写入", "the identification code is not personalised")
    if raw[:3].hex() != session.atr.region:
        return failed(
            f"识别码地区 {raw[:3].hex()}，复位信息 {session.atr.region}",
            f"code says {raw[:3].hex()}, reset says {session.atr.region}",
        )
    if raw[3:8].hex() != RID:
        return failed("识别码第 4-8 字节不是社保 RID", "bytes 4-8 are not the social security RID")
    if not bench.version.startswith("3") and raw[8:12] != session.atr.tail:
        return failed(
            "识别码序号与复位信息尾部不同：文件是抄来的", "the serial differs from the reset information: copied files"
        )
    return passed(f"城市 {raw[:3].hex()}，RID 与序号一致", f"city {raw[:3].hex()}, RID and serial agree")


def version(bench: CheckBench) -> Outcome:
    """EF05.03, `1.00` to `3.00` (card §1.4, A)."""
    bench.fresh()
    assert bench.found is not None
    if not bench.found.version:
        return not_tried("规范版本还没有写入", "the version is not personalised")
    if not bench.found.exact:
        return failed(
            f"卡片写着 {bench.found.version}，按 {bench.profile.name} 检查",
            f"the card says {bench.found.version}; checked as {bench.profile.name}",
        )
    return passed(f"版本 {bench.found.version}", f"version {bench.found.version}")


def body(bench: CheckBench) -> Outcome:
    """EF05.04: 24 digits (card §1.13, B)."""
    value = str(bench.fresh().read_free().get("init_org", ""))
    if not value:
        return not_tried("机构编号还没有写入", "the body is not personalised")
    if not value.isdigit():
        return failed("机构编号不是数字", "the body is not digits")
    return passed(f"机构编号 {value}", f"body {value}")


def pin_counter(bench: CheckBench) -> Outcome:
    """VERIFY without data answers the tries left and uses none (card §2.1, B)."""
    state = bench.fresh().pin_state()
    if state.tries_left > state.max_tries:
        return failed(
            f"剩余 {state.tries_left} 次，多于规格的 {state.max_tries} 次",
            f"{state.tries_left} tries, more than {state.max_tries}",
        )
    if state.blocked:
        return failed("密码已锁定", "the PIN is blocked")
    return passed(
        f"还可以试 {state.tries_left} 次，规格 {state.max_tries} 次",
        f"{state.tries_left} of {state.max_tries} tries left",
    )


def directories(bench: CheckBench) -> Outcome:
    """Every directory of the profile; those that no two sources confirm may be missing."""
    wanted = [item for item in bench.profile.dirs if item.name != "MF"]
    bench.channel.reset()
    lacking = [item for item in wanted if not _selectable(bench, item.name)]
    sure = [item.name for item in lacking if item.confidence == "A"]
    if sure:
        return failed(f"没有目录 {names(sure)}", f"no directory {names(sure)}")
    if lacking:
        rest = names([item.name for item in lacking])
        return passed(f"齐全；未证实的 {rest} 不在卡上", f"complete; the unconfirmed {rest} are not on the card")
    return passed(f"{len(wanted)} 个目录都在", f"all {len(wanted)} directories are there")


def _selectable(bench: CheckBench, name: str) -> bool:
    parent = bench.profile.dir(name).parent
    if parent not in ("", "MF"):
        bench.has_dir(parent)
    return bench.has_dir(name)


def files(bench: CheckBench) -> Outcome:
    """SELECT of every declared EF below the directories that are there."""
    lacking: list[str] = []
    seen = 0
    for directory in bench.profile.dirs:
        declared = bench.profile.files_of(directory.name)
        session = bench.fresh() if declared else None
        if session is None or not _selectable(bench, directory.name):
            continue
        for ef in declared:
            seen += 1
            answer = send(bench.channel, commands.select_ef(ef.fid))
            if not answer.ok:
                answer = send(bench.channel, commands.select_fid(ef.fid))
            if answer.sw == 0x6A82:
                lacking.append(ef.path)
    if lacking:
        return failed(f"没有文件 {names(lacking)}", f"no file {names(lacking)}")
    return passed(f"{seen} 个文件都在", f"all {seen} files are there")


def record_ids(bench: CheckBench) -> Outcome:
    """Records that everybody may read carry their declared tag and length (card §1.2, A)."""
    session = bench.fresh()
    wrong: list[str] = []
    seen = 0
    for ef in [ef for ef in session.profile.files_of("SSSE") if isinstance(ef, RecordEf)]:
        for record in ef.records:
            if ef.read_of(record).free:
                seen += 1
                raw = send(bench.channel, commands.read_record(record.no, ef.sfi, record.size))
                if not raw.data.startswith(record.header):
                    wrong.append(f"{ef.fid.hex().upper()}.{ef.reference(record)}")
    if wrong:
        return failed(f"标签或长度不对：{names(wrong)}", f"wrong tag or length: {names(wrong)}")
    return passed(f"{seen} 条记录的标签与长度都对", f"tag and length of {seen} records are right")


def check_characters(bench: CheckBench) -> Outcome:
    """卡号 (GB 11714 rule) and 社会保障号码 (GB 11643), where the card shows them (card §1.11, §5)."""
    session = bench.fresh()
    open_dir(session, "SSSE", bench.pin, bench.rights)
    values = session.read_free()
    card_no, citizen = str(values.get("card_no", "")), str(values.get("citizen_no", ""))
    if not card_no and not citizen:
        return not_tried("号码没有写入，或要读密钥", "the numbers are not personalised, or need a read key")
    try:
        if card_no:
            CardNumber(card_no)
    except IdentityFormatError:
        return failed("卡号校验位不对", "the card number fails its check character")
    if len(citizen) == 18 and citizen[:17].isdigit() and not _citizen_ok(citizen):
        return failed("社会保障号码校验位不对", "the social security number fails its check character")
    return passed("校验位正确", "the check characters are right")


def _citizen_ok(number: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(CITIZEN_WEIGHTS, number[:17], strict=True))
    return CITIZEN_CHECKS[total % 11] == number[17]


def dates(bench: CheckBench) -> Outcome:
    """Issued before valid to."""
    values = bench.fresh().read_free()
    issued, valid_to = str(values.get("issued", "")), str(values.get("valid_to", ""))
    if not issued or not valid_to:
        return not_tried("日期还没有写入", "the dates are not personalised")
    if issued > valid_to:
        return failed(f"发卡 {issued} 晚于有效期 {valid_to}", f"issued {issued}, valid to {valid_to}")
    return passed(f"{issued} 至 {valid_to}", f"{issued} to {valid_to}")


def no_bank_confusion(bench: CheckBench) -> Outcome:
    """The bank application beside it, where there is one (card §6)."""
    bench.channel.reset()
    answer = send(bench.channel, commands.select_aid(bytes.fromhex("315041592E5359532E4444463031")))
    if not answer.ok:
        return not_applicable("卡上没有金融应用目录", "no bank directory on this card")
    try:
        bench.fresh()
    except CardError as lost:
        return failed(
            f"选过金融应用后选不回社保应用：{lost}", f"after the bank application ours cannot be selected: {lost}"
        )
    return passed("金融应用与社保应用都能选中", "bank and social security application can both be selected")


ITEMS = (
    Item("list.atr", LIST, "复位应答 ATR", "复位应答", "answer to reset", atr_form),
    Item(
        "list.response",
        LIST,
        "复位信息 response fields",
        "复位信息各字段",
        "fields of the reset information",
        reset_fields,
    ),
    Item("list.factors", LIST, "分散因子 factors", "两级分散因子", "both diversification factors", factors),
    Item("list.genuine", LIST, "分散因子 factors", "芯片真伪（内部认证）", "the chip proves itself", genuine),
    Item(
        "list.city",
        LIST,
        "城市代码 city code",
        "卡识别码中的城市代码",
        "city code in the identification code",
        card_id_city,
    ),
    Item("list.version", LIST, "版本 version", "规范版本", "version", version),
    Item("list.body", LIST, "机构编号 body", "初始化机构编号", "initialising body", body),
    Item("list.pin", LIST, "密码 PIN", "密码计数", "PIN counter", pin_counter),
    Item("list.dirs", LIST, "目录 DF existence", "目录齐全", "directories", directories),
    Item("list.files", LIST, "文件 EF existence", "文件齐全", "files", files),
    Item("list.records", LIST, "记录 record ids", "记录标签与长度", "record tags and lengths", record_ids),
    Item("list.checks", LIST, "数据 data", "号码校验位", "check characters", check_characters),
    Item("list.dates", LIST, "数据 data", "日期先后", "dates", dates),
    Item("list.bank", LIST, "数据 data", "与金融应用并存", "beside a bank application", no_bank_confusion),
)
