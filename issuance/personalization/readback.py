"""Nothing is a card before it was read back: every field as written, every key proven, under the card's own rules."""

from collections.abc import Iterable

from card.application import Session
from card.domain.entropy import Entropy
from card.domain.money import ZERO
from card.errors import AccessDeniedError, UnexpectedSwError
from card.files.kinds import AnyEf, CyclicEf, KeySpec, RecordEf, TransparentEf
from card.pin import Pin
from card.session import PurseSession, SscSession
from card.wire import CardChannel
from issuance.errors import ReadBackError
from issuance.personalization.content import CardModel, Content
from issuance.personalization.machine import Certificate
from issuance.personalization.script import Script
from keys.algorithms.sm3 import sm3
from keys.centre import KeyCentre, LoadRequest
from keys.errors import LoadMac1Error

EXTERNAL_TYPE = 0x0D  # card §3.1 (B)
PROOF_TERMINAL = bytes(6)


class ReadBack:
    """One finished chip in one power-on session."""

    def __init__(self, channel: CardChannel, model: CardModel, centre: KeyCentre, entropy: Entropy) -> None:
        self._channel = channel
        self._model = model
        self._centre = centre
        self._entropy = entropy

    def certify(self, script: Script) -> Certificate:
        """ReadBackError naming the first field or key that is not as the script says."""
        identity = script.identity
        if self._channel.atr != identity.atr:
            raise ReadBackError("atr")
        factor, original = self._entropy.token(8), self._entropy.token(8)
        session = SscSession(self._channel, self._model.card_profile)
        session.select()
        answer = session.internal_authenticate(factor, original)
        if answer != self._centre.authenticate("IRK", identity.f_city, identity.f_card, factor, original):
            raise ReadBackError("IRK")
        proven = ["IRK"]
        fields = 0
        for directory in self._model.tree.dirs:
            if not self._model.tree.files_of(directory.name):
                continue
            proven += self._prove_external_keys(directory.name, script)
            fields += self._compare(directory.name, script.content)
        proven += self._prove_load_key(script)
        self._prove_pin(session)
        return Certificate(
            card_id=identity.card_id.hex,
            atr=identity.atr.hex(),
            fields=fields,
            content_digest=content_digest(script.content),
            keys_proven=(*proven, "PIN"),
            check_values=script.check_values(),
            factor=factor.hex(),
            original=original.hex(),
            cryptogram=answer.hex(),
        )

    def _prove_external_keys(self, directory: str, script: Script) -> list[str]:
        """Select the directory and authenticate with each of its keys; the last right stays for reading."""
        session = self._session(directory)
        session.select_dir(directory)
        proven: list[str] = []
        for key in self._external_keys(directory):
            challenge, original = session.challenge(8), self._entropy.token(8)
            identity = script.identity
            cryptogram = self._centre.authenticate(key.name, identity.f_city, identity.f_card, challenge, original)
            try:
                session.external_authenticate(key.name, cryptogram, original)
            except AccessDeniedError:
                raise ReadBackError(key.name) from None
            proven.append(key.name)
        return proven

    def _compare(self, directory: str, content: Content) -> int:
        session = self._session(directory)
        count = 0
        for ef in self._model.tree.files_of(directory):
            if isinstance(ef, CyclicEf) or not ef.personalised:
                continue
            for name, written, read in self._pairs(session, ef, content):
                if written != read:
                    raise ReadBackError(f"{ef.path}/{name}")
                count += 1
        return count

    def _pairs(self, session: Session, ef: AnyEf, content: Content) -> Iterable[tuple[str, bytes, bytes]]:
        """(field, bytes written, bytes read) of one file."""
        written = content.files[ef.path]
        if isinstance(ef, RecordEf):
            for record, raw in zip(ef.records, written, strict=True):
                yield record.name, raw, session.read_record_raw(ef, record)
        elif isinstance(ef, TransparentEf):
            read, at = session.read_raw(ef), 0
            if len(read) != len(written[0]):
                raise ReadBackError(ef.path)
            for item in ef.fields:
                yield item.name, written[0][at : at + item.length], read[at : at + item.length]
                at += item.length

    def _prove_load_key(self, script: Script) -> list[str]:
        """INITIALIZE FOR LOAD of nothing: its MAC1 proves DLK, and no money moves without CREDIT."""
        profile = self._model.purse_profile
        if profile is None or profile.purse is None:
            return []
        purse = PurseSession(self._channel, profile)
        purse.select()
        init = purse.init_load(ZERO, PROOF_TERMINAL)
        load = LoadRequest(
            issuer=script.identity.issuer,
            asn=script.identity.purse.asn.raw,
            card_random=init.random,
            online_seq=init.online_seq,
            balance=int(init.balance),
            amount=0,
            terminal=PROOF_TERMINAL,
            mac1=init.mac1,
            key_version=init.key_version,
            algorithm=init.algorithm,
        )
        if load.balance or load.online_seq:
            raise ReadBackError("EP/balance")
        try:
            self._centre.check_load_mac1(load)
        except LoadMac1Error:
            raise ReadBackError("DLK") from None
        return ["DLK"]

    def _prove_pin(self, session: SscSession) -> None:
        """The initial PIN is accepted, so the holder can change it; that it opens nothing is the card's own rule."""
        session.select()
        try:
            session.verify_pin(Pin(self._model.pin.initial))
        except UnexpectedSwError:
            raise ReadBackError("PIN") from None

    def _session(self, directory: str) -> Session:
        for profile in self._model.tree.profiles:
            if any(item.name == directory for item in profile.dirs):
                return Session(self._channel, profile)
        raise ReadBackError(directory)

    def _external_keys(self, directory: str) -> list[KeySpec]:
        return [key for key in self._model.tree.keys if key.dir == directory and key.type == EXTERNAL_TYPE]


def content_digest(content: Content) -> str:
    """SM3 over all files in path order, hex."""
    return sm3(b"".join(path.encode() + b"".join(parts) for path, parts in sorted(content.files.items()))).hex()
