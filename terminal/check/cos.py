"""LD/T 6001.2-2023, COS: its seven groups by name (card §4.5, A); what each looks at is this project's reading."""

from card import commands
from card.apdu import SW, CommandApdu, Ins
from card.errors import CardError, ForeignCardError
from card.files.kinds import RecordEf
from card.files.profile import Profile
from card.status import send
from terminal.card_chip import load_if_there
from terminal.check.bench import CheckBench, Item, Outcome, failed, names, not_applicable, not_tried, passed

COS = "LD/T 6001.2-2023 COS"
_PURSES = ("tunion", "cityunion")
_FREE_FILE, _FREE_TAG, _FREE_SIZE = 5, 0x03, 6


def select_ways(bench: CheckBench) -> Outcome:
    """By name and by file identifier (card §1.1, A)."""
    bench.channel.reset()
    directory = bench.profile.dir("SSSE")
    by_name = send(bench.channel, commands.select_aid(directory.aid))
    bench.channel.reset()
    by_fid = send(bench.channel, commands.select_fid(directory.fid))
    if by_name.ok and by_fid.ok:
        return passed("按名称、按标识符都能选", "selectable by name and by identifier")
    if by_name.ok:
        return passed(
            "按名称能选；按标识符不能（各卡不同）", "selectable by name; not by identifier, which cards may differ in"
        )
    return failed("按名称选不中", "not selectable by name")


def challenge(bench: CheckBench) -> Outcome:
    """GET CHALLENGE: 4 and 8 bytes, never the same twice."""
    session = bench.fresh()
    drawn = [session.challenge(length) for length in (4, 8, 8, 8, 8)]
    if len(set(drawn)) != len(drawn):
        return failed("随机数重复", "a challenge came twice")
    return passed("随机数 4、8 字节，五次各不相同", "4 and 8 bytes, five draws all different")


def read_ways(bench: CheckBench) -> Outcome:
    """READ RECORD by number and by tag say the same."""
    bench.fresh()
    by_tag = send(bench.channel, commands.read_record_by_tag(_FREE_TAG, _FREE_FILE, _FREE_SIZE))
    by_number = send(bench.channel, commands.read_record(3, _FREE_FILE, _FREE_SIZE))
    if not by_tag.ok and not by_number.ok:
        return failed("两种方式都读不出规范版本", "neither way reads the version")
    if by_tag.ok and by_number.ok and by_tag.data != by_number.data:
        return failed("按标签与按序号读出不同", "tag and number read different records")
    both = by_tag.ok and by_number.ok
    if both:
        return passed("按标签、按序号读出相同", "tag and number read the same")
    return passed("只支持一种寻址", "one way of addressing only")


def parameters(bench: CheckBench) -> Outcome:
    """Wrong class, instruction, parameters, file and record are refused with the words of card §2.4 (A)."""
    bench.fresh()
    cases = (
        ("CLA", CommandApdu(0xE0, Ins.SELECT, le=4), (SW.UNKNOWN_CLA,)),
        ("INS", CommandApdu(0x00, 0xEE), (SW.UNKNOWN_INS, SW.UNKNOWN_CLA)),
        ("P1P2", CommandApdu(0x00, Ins.GET_CHALLENGE, 0x55, 0x55, le=8), (SW.WRONG_P1P2, SW.WRONG_OFFSET)),
        ("FID", commands.select_fid(b"\xef\xef"), (SW.FILE_NOT_FOUND,)),
        ("record", commands.read_record(0xF0, _FREE_FILE, _FREE_SIZE), (SW.RECORD_NOT_FOUND, SW.WRONG_P1P2)),
    )
    wrong = []
    for what, command, expected in cases:
        sw = bench.plain(command).sw
        if sw not in expected:
            wrong.append(f"{what} {sw:04X}")
    if wrong:
        return failed(f"答错：{names(wrong)}", f"wrong answers: {names(wrong)}")
    return passed("五种错误命令各得其所", "five wrong commands, five right refusals")


def wrong_le(bench: CheckBench) -> Outcome:
    """T=0: 6Cxx with the exact length; otherwise 6700, or the whole answer (card §2.5, A/C)."""
    bench.fresh()
    answer = bench.plain(commands.read_record(3, _FREE_FILE, _FREE_SIZE + 1))
    if answer.sw == 0x6C00 | _FREE_SIZE:
        return passed("6C06：给出正确长度", "6C06: the card names the right length")
    if answer.sw in (SW.WRONG_LENGTH, SW.OK, SW.END_OF_FILE):
        return passed(f"{answer.sw:04X}：不给长度，也不多给", f"{answer.sw:04X}: no length named, nothing too much")
    return failed(f"{answer.sw:04X} 不是长度错误的回答", f"{answer.sw:04X} is no answer to a wrong length")


def firewall(bench: CheckBench) -> Outcome:
    """Inside another application the files of ours are out of reach (card §6, C)."""
    purse = next((item for item in map(load_if_there, _PURSES) if item is not None and _there(bench, item)), None)
    if purse is None or purse.purse is None:
        return not_applicable("卡上没有另一个应用", "no other application on the card")
    ours = send(bench.fresh().channel, commands.read_record(1, 6, 20))
    send(bench.channel, commands.select_aid(purse.dir(purse.purse.dir).aid))
    theirs = send(bench.channel, commands.read_record(1, 6, 20))
    if theirs.ok and ours.ok and theirs.data == ours.data:
        return failed("在钱包应用里读到了持卡人资料", "the holder's data can be read inside the purse")
    if bench.pin is not None:
        return _rights_end(bench, purse.dir(purse.purse.dir).aid)
    return passed(
        "在钱包应用里读不到社保文件；权限部分要密码（--ask-pin）", "our files are closed there; rights need a PIN"
    )


def _there(bench: CheckBench, purse: Profile) -> bool:
    if purse.purse is None:
        return False
    return send(bench.channel, commands.select_aid(purse.dir(purse.purse.dir).aid)).ok


def _rights_end(bench: CheckBench, aid: bytes) -> Outcome:
    session = bench.fresh()
    closed = _first_closed(bench)
    if closed is None or bench.pin is None:
        return not_tried("没有要密码的文件", "no file asks for a PIN")
    directory, ef = closed
    session.select_dir(directory)
    session.verify_pin(bench.pin)
    before = send(bench.channel, commands.read_record(1, ef.sfi, ef.records[0].size))
    send(bench.channel, commands.select_aid(aid))
    session.select()
    session.select_dir(directory)
    after = send(bench.channel, commands.read_record(1, ef.sfi, ef.records[0].size))
    if before.ok and after.ok:
        return failed("选过别的应用后密码权限还在", "the PIN's right outlived another application")
    return passed("选中别的应用后权限消失", "the right is gone after another application was selected")


def _first_closed(bench: CheckBench) -> tuple[str, RecordEf] | None:
    for directory in bench.profile.dirs:
        for ef in bench.profile.files_of(directory.name):
            if isinstance(ef, RecordEf) and any("pin" in group for group in ef.read.any_of) and not ef.read.free:
                return directory.name, ef
    return None


def tearing(bench: CheckBench) -> Outcome:
    """防拔: only a card that is written can show it."""
    return not_tried(
        "要在写入中断电，默认不写卡；模拟卡由 make soak 逐点断电",
        "needs power cuts while writing, and nothing is written here; twins are cut at every point by make soak",
    )


def reset_forgets(bench: CheckBench) -> Outcome:
    """The harmless half of 防拔: a reset in the middle leaves no right and changes no byte."""
    bench.fresh()
    before = send(bench.channel, commands.read_record(3, _FREE_FILE, _FREE_SIZE))
    send(bench.channel, commands.get_challenge(8))
    bench.fresh()
    after = send(bench.channel, commands.read_record(3, _FREE_FILE, _FREE_SIZE))
    if before.data != after.data:
        return failed("复位前后读出不同", "reads differ before and after a reset")
    return passed("中途复位后数据不变", "the data are the same after a reset in the middle")


def medical(bench: CheckBench) -> Outcome:
    """医疗消费: DF04. The accounts are asked for behind the PIN (card §2.1, B); nothing is debited."""
    session = bench.fresh()
    try:
        session.select_dir("DF04")
    except (ForeignCardError, CardError):
        return not_applicable("卡上没有 DF04", "no DF04 on this card")
    if bench.pin is None:
        refused = send(bench.channel, commands.get_balance_ssc(1))
        if refused.ok:
            return failed("没有密码也给余额", "the balance comes without a PIN")
        return not_tried(
            f"要密码（--ask-pin）；没有密码时拒绝 {refused.sw:04X}",
            f"needs the PIN (--ask-pin); without it {refused.sw:04X}",
        )
    session.verify_pin(bench.pin)
    answer = send(bench.channel, commands.get_balance_ssc(1))
    if answer.sw in (SW.UNKNOWN_INS, SW.UNKNOWN_CLA):
        return not_applicable("这张卡没有医疗账户命令", "this card has no commands for medical accounts")
    if not answer.ok or len(answer.data) != 4:
        return failed(f"余额命令答 {answer.sw:04X}", f"GET BALANCE answers {answer.sw:04X}")
    return passed("个人账户余额可读；未做消费", "the personal account can be read; nothing was debited")


def compatibility(bench: CheckBench) -> Outcome:
    """终端兼容: warm and cold reset agree; a waiting answer is fetched; both need no help of the holder (card §2.5)."""
    cold = bench.channel.atr
    warm = bench.channel.reset()
    if cold != warm:
        return failed("冷、热复位应答不同", "warm and cold reset answer differently")
    first = bench.plain(commands.select_aid(bench.profile.dir("SSSE").aid))
    if first.sw >> 8 == 0x61:
        rest = bench.plain(commands.get_response(first.sw & 0xFF or 256))
        if not rest.ok or len(rest.data) != (first.sw & 0xFF or 256):
            return failed("61xx 之后取不到那么多字节", "GET RESPONSE did not bring the announced bytes")
        return passed("复位一致；61xx 后按长度取回", "resets agree; the waiting answer has the announced length")
    return passed("复位一致；应答一次给完", "resets agree; the answer comes at once")


ITEMS = (
    Item("cos.function.select", COS, "命令功能 command function", "选择应用", "select the application", select_ways),
    Item("cos.function.challenge", COS, "命令功能 command function", "取随机数", "get challenge", challenge),
    Item("cos.function.read", COS, "命令功能 command function", "读记录", "read record", read_ways),
    Item(
        "cos.parameters", COS, "命令参数 command parameters", "错误命令的回答", "answers to wrong commands", parameters
    ),
    Item("cos.parameters.le", COS, "命令参数 command parameters", "错误的期望长度", "wrong expected length", wrong_le),
    Item(
        "cos.firewall", COS, "应用防火墙 firewall", "应用之间互不可见", "applications do not see each other", firewall
    ),
    Item("cos.tear", COS, "防拔 anti-tear", "写入中断电", "power lost while writing", tearing),
    Item("cos.tear.reset", COS, "防拔 anti-tear", "中途复位", "reset in the middle", reset_forgets),
    Item("cos.medical", COS, "医疗消费 medical consumption", "医疗账户", "medical accounts", medical),
    Item(
        "cos.terminal",
        COS,
        "终端兼容 terminal compatibility",
        "复位与取应答",
        "resets and waiting answers",
        compatibility,
    ),
)
