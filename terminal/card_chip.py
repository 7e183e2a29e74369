"""Which profiles the chip in front of us follows, found by looking, never by a status word of its own accord."""

from dataclasses import dataclass

from card import commands
from card.apdu import SW, sw_name
from card.channel import CardChannel
from card.errors import CardBlockedError, CardDataError, CardError, ForeignCardError, ProfileError
from card.files.profile import Profile, load_profile
from card.status import check, send, tell
from terminal.card_desk import PROFILE

# 规范版本, EF05 record 03, is free to read in every version (card §1.14, A).
_VERSION_SFI, _VERSION_TAG, _VERSION_SIZE = 5, 0x03, 6
_VERSION_HEAD = b"\x03\x04"
# What cards that know no such application say, and what those without that record say.
_ELSEWHERE = (
    *(SW.FILE_NOT_FOUND, SW.UNKNOWN_INS, SW.UNKNOWN_CLA, SW.WRONG_LENGTH, SW.WRONG_P1P2, SW.WRONG_FILE_TYPE),
    *(SW.WRONG_DATA, SW.INVALID_STATE, SW.COMMAND_NOT_ALLOWED),
)
_NO_RECORD = (
    *(SW.FILE_NOT_FOUND, SW.RECORD_NOT_FOUND, SW.FUNCTION_NOT_SUPPORTED, SW.WRONG_P1P2, SW.WRONG_FILE_TYPE),
    *(SW.NO_CURRENT_EF, SW.UNKNOWN_INS, SW.SECURITY_NOT_SATISFIED, SW.WRONG_OFFSET),
)
_BLOCKED = (SW.FUNCTION_NOT_SUPPORTED, SW.FILE_INVALIDATED, SW.PERMANENTLY_BLOCKED)
_BASIC = "-basic"
_BY_VERSION = {b"1": "ssc-1.00", b"2": "ssc-2.00", b"3": "ssc-3.00"}


@dataclass(frozen=True, slots=True)
class Found:
    """The social security profile to read by; `version` as the card says it, "" for a card never personalised."""

    profile: Profile
    version: str
    exact: bool


def find_ssc(channel: CardChannel) -> Found:
    """The profile of the card's own version; ssc-2.00 where it says none or one we have no profile of.

    The environment is the selected directory afterwards.

    ForeignCardError when the card has no social security environment.
    """
    usual = load_profile(PROFILE)
    version = _version(channel, usual)
    name = _BY_VERSION.get(version[:1], "")
    if not name:
        return Found(usual, version.decode("ascii", "replace"), False)
    try:
        profile = load_profile(name)
    except ProfileError:
        return Found(usual, version.decode("ascii", "replace"), False)
    return Found(profile, version.decode("ascii", "replace"), version.decode("ascii", "replace") == profile.version)


def fitting(channel: CardChannel, found: Found, wanted: str = "") -> Profile:
    """The profile to look at the whole card with: `wanted` by name, or the one that fits what the issuer put on it.

    An issuer may leave out every directory behind DF01; a card without any of them follows the basic profile of its
    version. One that has some and lacks others is measured against the whole. ProfileError for an unknown name.
    """
    if wanted:
        return load_profile(wanted)
    basic = load_if_there(f"{found.profile.name}{_BASIC}")
    if basic is None:
        return found.profile
    kept = {directory.name for directory in basic.dirs}
    further = [directory for directory in found.profile.dirs if directory.name not in kept]
    if any(tell(channel, commands.select_aid(directory.aid)).ok for directory in further if directory.aid):
        return found.profile
    return basic


def _version(channel: CardChannel, profile: Profile) -> bytes:
    environment = profile.dir("SSSE")
    by_name = tell(channel, commands.select_aid(environment.aid))
    if not by_name.ok and not tell(channel, commands.select_fid(environment.fid)).ok:
        # What a card says of an identifier it may not know at all tells nothing; what it says of our name does.
        if by_name.sw in _BLOCKED:
            raise CardBlockedError(f"select the environment: {sw_name(by_name.sw)}")
        if by_name.sw not in _ELSEWHERE:
            check(by_name.sw, "select the environment")
        raise ForeignCardError("no social security environment on this card")
    return _read_version(channel)


def _read_version(channel: CardChannel) -> bytes:
    """The record's text; b"" where it is not there or not personalised. CardDataError for another shape."""
    answer = send(channel, commands.read_record_by_tag(_VERSION_TAG, _VERSION_SFI, _VERSION_SIZE))
    if answer.sw in _NO_RECORD:
        answer = send(channel, commands.read_record(3, _VERSION_SFI, _VERSION_SIZE))
    if answer.sw in _NO_RECORD:
        return b""
    check(answer.sw, "read the version")
    if answer.data[:2] != _VERSION_HEAD or len(answer.data) != _VERSION_SIZE:
        raise CardDataError("version", "record does not start with its declared tag and length")
    return answer.data[2:].strip(b"\x00\xff")


def load_if_there(name: str) -> Profile | None:
    """A built-in profile, None when this installation has none of that name."""
    try:
        return load_profile(name)
    except CardError:
        return None
