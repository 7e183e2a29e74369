"""Who proves to a chip that we may: a PSAM in another reader, or the test key store of this installation.

Nothing secret goes to a chip that has not proven itself first (INTERNAL AUTHENTICATION with the same keys): a wrong
cryptogram would cost one of the key's tries.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from card.domain.entropy import Entropy
from card.domain.identity import IdentityFormatError, RegionCode
from card.errors import AccessDeniedError, KeyBlockedError, KeyMissingError, NotGenuineError
from card.files.kinds import Access, AnyEf, KeySpec, RecordEf
from card.files.profile import load_profile
from card.pin import Pin
from card.readers.pcsc import find_reader
from card.secure_messaging import Authorise, CardCrypto
from card.session import SscSession
from keys.card_crypto import CentreCardCrypto, PsamCardCrypto, admit, authorise_with
from keys.centre import KeyCentre
from keys.errors import PsamRefusedError, UnknownKeyError
from keys.psam import PsamSession
from keys.settings import KeysConfig, load_config, open_test_store
from terminal.card_desk import powered
from terminal.card_errors import PsamFamilyError

INTERNAL_KEY = "IRK"
PSAM_PROFILE = "psam-ssc"
LENGTH = 8


@dataclass(frozen=True, slots=True)
class Rights:
    """Keys that can answer for us. `make` gives the prover of one card; `source` says where the keys are."""

    source: str
    make: Callable[[SscSession, bytes], CardCrypto]
    entropy: Entropy
    deployment: str
    psam: PsamSession | None = None

    def holds(self, key: KeySpec) -> bool:
        """May this key be there? A PSAM knows keys by numbers of its own (card §3.5)."""
        return key.card_kid is not None and (self.psam is None or key.psam_kid is not None)

    def crypto(self, session: SscSession) -> CardCrypto:
        """The prover for this chip. NotGenuineError when its answer to reset names no city.

        PsamFamilyError when the PSAM computes with another family of algorithms than the card (card §4.4, -2202).
        """
        admit(session.profile, self.deployment)
        algorithm = session.profile.crypto.algorithm
        if self.psam is not None and load_profile(PSAM_PROFILE).crypto.algorithm != algorithm:
            raise PsamFamilyError(f"the card uses {algorithm}")
        return self.make(session, _city_factor(session))

    def prove_chip(self, session: SscSession) -> None:
        """INTERNAL AUTHENTICATION in this power-on session (contract §5). NotGenuineError."""
        factor, original = self.entropy.token(LENGTH), self.entropy.token(LENGTH)
        answer = session.internal_authenticate(factor, original)
        key = session.profile.key(INTERNAL_KEY)
        if answer != self.crypto(session).authenticate(key, factor, original):
            raise NotGenuineError("the chip does not hold the key of its identification code")

    def authorise(self, session: SscSession) -> Authorise:
        """Proofs for the chip of `session`, which must have proven itself."""
        return authorise_with(self.crypto(session), self.entropy)


def psam_rights(module: PsamSession, entropy: Entropy, deployment: str) -> Rights:
    """A PSAM answers for us."""

    def make(session: SscSession, f_city: bytes) -> CardCrypto:
        return PsamCardCrypto(module, f_city, session.atr.card_factor)

    return Rights("PSAM", make, entropy, deployment, module)


def store_rights(config: KeysConfig, entropy: Entropy) -> Rights:
    """The stand-in store of test keys answers for us. ProductionRefusedError, raised by the store itself."""
    centre = KeyCentre(open_test_store(config))

    def make(session: SscSession, f_city: bytes) -> CardCrypto:
        return CentreCardCrypto(centre, session.profile.crypto, f_city, session.atr.card_factor)

    return Rights("test keys", make, entropy, config.profile)


def add_test_keys(parser: argparse.ArgumentParser) -> None:
    """`--test-keys` and `--config`."""
    help_ = "用本机的测试密钥，正式环境拒绝 · test key store, not in production"
    parser.add_argument("--test-keys", action="store_true", help=help_)
    parser.add_argument("--config", type=Path, default=None, help="配置文件 · configuration file")


@contextmanager
def rights_from(options: argparse.Namespace, entropy: Entropy) -> Iterator[Rights | None]:
    """What the command line offers: the PSAM of `--psam`, the test store of `--test-keys`, or nothing.

    Raises ConfigError, ProductionRefusedError for test keys in production.
    """
    if options.psam:
        with powered(find_reader(options.psam), options.patience) as channel:
            yield psam_rights(PsamSession(channel), entropy, _deployment(options))
    elif getattr(options, "test_keys", False):
        yield store_rights(load_config(options.config), entropy)
    else:
        yield None


def _deployment(options: argparse.Namespace) -> str:
    return load_config(getattr(options, "config", None)).profile


def open_dir(session: SscSession, directory: str, pin: Pin | None, rights: Rights | None) -> None:
    """Select and obtain what can be obtained for reading: the PIN where a file takes it, keys where only they help.

    A key that the chip or the PSAM does not have leaves its files closed; PinError and PinBlockedError go up.
    """
    session.select_dir(directory)
    asked = [access for ef in session.profile.files_of(directory) for access in _conditions(ef) if not access.free]
    if pin is not None and "pin" not in session.rights and any("pin" in group for a in asked for group in a.any_of):
        session.verify_pin(pin)
    closed = [access for access in asked if not access.satisfied_by(session.rights)]
    names = frozenset().union(*(access.keys() for access in closed))
    wanted = [name for name in sorted(names) if rights is not None and rights.holds(session.profile.key(name))]
    if rights is None or not wanted:
        return
    rights.prove_chip(session)
    for name in wanted:
        try:
            session.prove_key(name, rights.authorise(session))
        except (AccessDeniedError, KeyMissingError, KeyBlockedError, UnknownKeyError, PsamRefusedError):
            continue


def _conditions(ef: AnyEf) -> tuple[Access, ...]:
    own = tuple(record.read for record in ef.records if record.read is not None) if isinstance(ef, RecordEf) else ()
    return (ef.read, *own)


def _city_factor(session: SscSession) -> bytes:
    try:
        return RegionCode(session.atr.region).city_factor
    except IdentityFormatError:
        raise NotGenuineError("the answer to reset names no city") from None
