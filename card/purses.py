"""Every purse on a chip, and which one a terminal will use, with the reason in both languages.

A chip may carry several independent purses, even one name under two algorithms. The terminal's order decides, not the
card's; what the terminal cannot work with is shown all the same, so that nobody wonders where his money is.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from card import commands
from card.apdu import SW
from card.domain.money import ZERO, Fen
from card.errors import CardBlockedError, CardDataError, ContactlessRefusedError, ForeignCardError, UnexpectedSwError
from card.files.profile import Profile, builtin_names, load_profile
from card.purse import PublicInfo, PurseSession
from card.status import send
from card.wire import CardChannel

NO_TERMINAL = bytes(6)  # INITIALIZE with amount 0 binds nobody; it only tells which algorithm the purse speaks
_BLOCKED = (SW.FILE_INVALIDATED, SW.FUNCTION_NOT_SUPPORTED, SW.PERMANENTLY_BLOCKED)


@dataclass(frozen=True, slots=True)
class FoundPurse:
    """One purse. `profile` "" when none here can work with it; `balance` None when it could not be read."""

    profile: str
    aid: bytes
    name_zh: str
    name_en: str
    balance: Fen | None
    chosen: bool
    why_zh: str
    why_en: str
    blocked: bool = False
    verified: bool = True
    public: PublicInfo | None = None


def find(channel: CardChannel, order: Sequence[str]) -> list[FoundPurse]:
    """All purses of the card, the chosen one first. `order` holds profile names, the terminal's first choice first.

    Nothing is changed on the card; the directory selected last stays selected. Raises CardLostError and the like.
    """
    found = [*_known(channel, order), *_others(channel)]
    rank = {name: place for place, name in enumerate(order)}
    usable = sorted((p for p in found if p.profile in rank and not p.blocked), key=lambda p: rank[p.profile])
    first = usable[0] if usable else None
    judged = [_judged(purse, purse is first, order, rank) for purse in found]
    return sorted(judged, key=lambda purse: (not purse.chosen, rank.get(purse.profile, len(rank))))


def _known(channel: CardChannel, order: Sequence[str]) -> Iterator[FoundPurse]:
    by_aid: dict[bytes, list[Profile]] = {}
    for profile in _profiles(tuple(order)):
        if profile.purse is not None:
            by_aid.setdefault(profile.dir(profile.purse.dir).aid, []).append(profile)
    for aid, profiles in by_aid.items():
        answer = send(channel, commands.select_aid(aid))
        if answer.sw in _BLOCKED:
            yield _purse(profiles[0], aid, None, blocked=True)
        elif answer.ok:
            yield _read(channel, aid, profiles)


@cache
def _profiles(order: tuple[str, ...]) -> tuple[Profile, ...]:
    """The terminal's profiles in its order, then the other purses this project knows."""
    names = [*order, *(name for name in builtin_names() if name not in order)]
    loaded = [load_profile(name) for name in names]
    return tuple(profile for profile in loaded if profile.kind == "purse")


def _read(channel: CardChannel, aid: bytes, profiles: list[Profile]) -> FoundPurse:
    session = PurseSession(channel, profiles[0])
    try:
        public = session.select()
        balance = session.balance()
        speaks = _algorithm(session) if len(profiles) > 1 else profiles[0].crypto.algorithm_id
    except (CardBlockedError, ForeignCardError):
        return _purse(profiles[0], aid, None, blocked=True)
    except (CardDataError, UnexpectedSwError):
        return replace(_purse(profiles[0], aid, None), profile="")
    profile = next((item for item in profiles if item.crypto.algorithm_id == speaks), None)
    if profile is None:
        return replace(_purse(profiles[0], aid, balance), profile="", public=public)
    return replace(_purse(profile, aid, balance), public=public)


def _algorithm(session: PurseSession) -> int:
    """The algorithm id of the purse's purchase key; the first profile's where the interface forbids to ask."""
    try:
        return session.init_purchase(ZERO, NO_TERMINAL).algorithm
    except ContactlessRefusedError:
        return session.profile.crypto.algorithm_id


def _others(channel: CardChannel) -> Iterator[FoundPurse]:
    for aid, zh, en in _unworkable():
        answer = send(channel, commands.select_aid(aid))
        if answer.ok or answer.sw in _BLOCKED:
            yield FoundPurse("", aid, zh, en, None, False, "", "", blocked=not answer.ok)


@cache
def _unworkable() -> tuple[tuple[bytes, str, str], ...]:
    rows = tomllib.loads(files("card").joinpath("other_purses.toml").read_text("utf-8"))["purse"]
    return tuple((bytes.fromhex(row["aid"]), row["zh"], row["en"]) for row in rows)


def _purse(profile: Profile, aid: bytes, balance: Fen | None, blocked: bool = False) -> FoundPurse:
    name_zh, name_en = profile.zh or profile.name, profile.en or profile.name
    verified = profile.verified and profile.crypto.verified
    return FoundPurse(profile.name, aid, name_zh, name_en, balance, False, "", "", blocked, verified)


def _judged(purse: FoundPurse, first: bool, order: Sequence[str], rank: dict[str, int]) -> FoundPurse:
    if first:
        zh = f"终端按 {'、'.join(order)} 的顺序选用，此为卡上第一个可用的钱包"
        en = f"the terminal's order is {', '.join(order)}; this is the first of them on the card that works"
    elif purse.blocked:
        zh, en = "应用已锁定，不能使用", "blocked: it cannot be used"
    elif not purse.profile:
        zh, en = "终端没有此类钱包的规范，只显示不使用", "no profile for it here: shown, never used"
    elif purse.profile not in rank:
        zh, en = "不在本终端受理的钱包之列", "this terminal does not accept it"
    else:
        zh, en = "卡上有顺序更靠前的钱包", "another purse on the card comes before it in the terminal's order"
    if not purse.verified:
        zh, en = f"{zh}（算法未经验证）", f"{en} (its algorithms are verified by nobody)"
    return replace(purse, chosen=first, why_zh=zh, why_en=en)
