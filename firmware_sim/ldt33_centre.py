"""The centre's side of LD/T 33's step mode: what a server with a security module answers to a step's string.

Stands in for that server in tests and demonstrations, over the software key store. A terminal never holds these keys.
"""

from collections.abc import Callable
from dataclasses import dataclass

from card.apdu import CommandApdu
from card.domain.identity import RegionCode
from card.files.kinds import KeySpec
from card.files.profile import Profile, load_profile
from card.pin import Pin
from card.secure_messaging import LineKey, line_rule, seal, seal_encrypted
from keys.card_crypto import CentreCardCrypto
from keys.centre import KeyCentre

PROFILES = {"01": "ssc-2.00", "03": "ssc-3.00"}  # algorithm id in the strings -> profile (card §3.3, A)
FACTOR = 8
RELOAD, UNBLOCK = 0xD4, 0x24


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the centre knows of the card from the first step of basic reading."""

    region: str
    reset_info: str
    algorithm: str

    @classmethod
    def of(cls, step1: str) -> "CardFacts":
        """From the eight fields of iReadCardBas_HSM_Step1 and its like."""
        region, reset_info, algorithm = step1.split("|")[:3]
        return cls(region, reset_info, algorithm)


class CentreModule:
    """Answers steps from the key tree of `centre`."""

    def __init__(self, centre: KeyCentre) -> None:
        self._centre = centre

    def basic(self, step1: str) -> str:
        """pKey of the second step: both 16-byte blobs, the second empty when the card asks for none."""
        facts = CardFacts.of(step1)
        _, _, _, _, factor, original, outer, outer_original, _ = step1.split("|")
        inner = self._blob(facts, "IRK", factor, original)
        return f"{inner}|{self._blob(facts, 'RK_SSSE', outer, outer_original) if outer else ''}|"

    def right(self, facts: CardFacts, step1: str) -> str:
        """pKey for the key that iReadCard or iWriteCard's first step names by its address."""
        algorithm, address, factor, original = step1.split("|")[-5:-1]
        assert algorithm == facts.algorithm
        return f"{self._blob(facts, self._named(facts, address).name, factor, original)}|"

    def protected(self, facts: CardFacts, step2: str) -> str:
        """pKey of a third step: the whole RELOAD PIN or PIN UNBLOCK command in hex."""
        _, address, challenge, head, *rest = step2.split("|")
        crypto = self._crypto(facts)
        key, random = crypto.line(self._named(facts, address)), bytes.fromhex(challenge)
        cla, ins, p1, p2, _ = bytes.fromhex(head)
        rule = line_rule(self._profile(facts).crypto)
        builders: dict[int, Callable[[LineKey], CommandApdu]] = {
            UNBLOCK: lambda line: seal(CommandApdu(cla, ins, p1, p2), line, random, rule),
            RELOAD: lambda line: seal_encrypted(CommandApdu(cla, ins, p1, p2, Pin(rest[0]).bcd), line, random, rule),
        }
        return f"{builders[ins](key).to_bytes().hex().upper()}|"

    def _blob(self, facts: CardFacts, name: str, factor: str, original: str) -> str:
        process, plain = bytes.fromhex(factor), bytes.fromhex(original)
        spec = self._profile(facts).key(name)
        return (self._crypto(facts).authenticate(spec, process, plain) + plain).hex().upper()

    def _named(self, facts: CardFacts, address: str) -> KeySpec:
        keys = self._profile(facts).keys
        return next(key for key in keys if key.hsm.replace(":", "") == address)

    def _crypto(self, facts: CardFacts) -> CentreCardCrypto:
        f_city, f_card = RegionCode(facts.region).city_factor, bytes.fromhex(facts.reset_info)[-FACTOR:]
        return CentreCardCrypto(self._centre, self._profile(facts).crypto, f_city, f_card)

    def _profile(self, facts: CardFacts) -> Profile:
        return load_profile(PROFILES[facts.algorithm])
