"""Which profiles the chip in front of us follows, found by looking, never by a status word of its own accord."""

from dataclasses import dataclass

from card import commands
from card.channel import CardChannel
from card.errors import CardError, ForeignCardError, ProfileError
from card.files.profile import Profile, load_profile
from card.status import send, tell
from terminal.card_desk import PROFILE

# 规范版本, EF05 record 03, is free to read in every version (card §1.14, A).
_VERSION_SFI, _VERSION_TAG, _VERSION_SIZE = 5, 0x03, 6
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


def _version(channel: CardChannel, profile: Profile) -> bytes:
    environment = profile.dir("SSSE")
    for build, name in ((commands.select_aid, environment.aid), (commands.select_fid, environment.fid)):
        if tell(channel, build(name)).ok:
            answer = send(channel, commands.read_record_by_tag(_VERSION_TAG, _VERSION_SFI, _VERSION_SIZE))
            if not answer.ok:
                answer = send(channel, commands.read_record(3, _VERSION_SFI, _VERSION_SIZE))
            if not answer.ok or len(answer.data) != _VERSION_SIZE:
                return b""
            return answer.data[2:].strip(b"\x00\xff")
    raise ForeignCardError("no social security environment on this card")


def load_if_there(name: str) -> Profile | None:
    """A built-in profile, None when this installation has none of that name."""
    try:
        return load_profile(name)
    except CardError:
        return None
