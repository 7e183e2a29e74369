"""`PresentedCredential` becomes `VerifiedCredential`: two types tell the story of the product."""

from dataclasses import dataclass, field
from enum import Enum


class CredentialKind(Enum):
    CARD = "card"
    PURSE = "purse"
    CODE = "code"


class Assurance(Enum):
    """How much was proven about who or what stands at the terminal, weakest first."""

    NONE = "none"
    REPLAYED = "replayed"
    PURSE = "purse"
    CODE = "code"
    CHIP = "chip"
    CHIP_PIN = "chip_pin"


@dataclass(frozen=True, slots=True)
class PresentedCredential:
    """What was held up to the terminal, before anything is believed."""

    kind: CredentialKind
    medium_id: bytes
    claims: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class VerifiedCredential:
    """What a verifier has proven. Built only by verifiers, by the replay of a stored event, and in tests.

    `media` lists every medium id that must be looked up in the hotlist: (Medium value, id bytes).
    `claims` are the decoded facts a scene may use (birth_date, name, entitlements ...); those the medium cannot prove
    are named in `unproven`.
    """

    kind: CredentialKind
    medium_id: bytes
    assurance: Assurance
    media: tuple[tuple[int, bytes], ...] = ()
    claims: dict[str, str] = field(default_factory=dict, repr=False)
    unproven: tuple[str, ...] = ()
