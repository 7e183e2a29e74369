"""The keys of all worlds: one test tree, made once a process."""

from functools import cache

from keys.centre import KeyCentre
from keys.code.sign import CodeIssuer, code_issuer
from keys.hsm_software import SoftwareHsm

SEED = b"onecard worlds, not a secret"


@cache
def centre() -> KeyCentre:
    """The key centre."""
    return KeyCentre(SoftwareHsm.from_seed(SEED, "test"))


@cache
def issuer() -> CodeIssuer:
    """The issuer of offline codes."""
    return code_issuer(centre().hsm)
