"""The channel to a chip: one protocol, bytes in, bytes out; everything around it is the same protocol again.

`standard()` builds the usual stack. Every loop here is bounded: a card that never finishes is an error, not a hang.
"""

from card.apdu import MORE_DATA, SW, WRONG_LE, CommandApdu, Ins
from card.errors import CardGarbageError, ChannelLimitError
from card.interface import Interface, interface_of
from card.traffic import TrafficLog, TrafficSink
from card.wire import CardChannel as CardChannel

MAX_ROUNDS = 256
MAX_ANSWER = 65_536
BLOCK = 255
DONE, MORE_BYTE = SW.OK.to_bytes(2, "big"), bytes((MORE_DATA,))
UNFINISHED = (MORE_DATA, WRONG_LE)
SHORTEST = 6  # head, Lc and Le of a short command, around its data
_CHAINED = 0x10  # CLA bit 5: more blocks follow (ISO/IEC 7816-4 §5.3.3)


class Wrapper:
    """Passes everything on; the wrappers below change `transmit` only."""

    def __init__(self, inner: CardChannel) -> None:
        self.inner = inner

    @property
    def atr(self) -> bytes:
        return self.inner.atr

    def transmit(self, apdu: bytes) -> bytes:
        return self.inner.transmit(apdu)

    def tell(self, apdu: bytes) -> bytes:
        """As `transmit`; an answer that waits for GET RESPONSE may stay where it is."""
        inner = self.inner
        return inner.tell(apdu) if isinstance(inner, Wrapper) else self.transmit(apdu)

    def reset(self) -> bytes:
        return self.inner.reset()

    def close(self) -> None:
        self.inner.close()

    @property
    def protocol(self) -> str:
        return protocol_of(self.inner)


class StripLe(Wrapper):
    """T=0 has no Le beside data: the byte is left off and the card answers 61xx (card §2.5, A)."""

    def transmit(self, apdu: bytes) -> bytes:
        # By length alone: this runs for every command, and a short one with data and Le is head, Lc, Lc bytes, Le.
        if len(apdu) > SHORTEST and apdu[4] == len(apdu) - SHORTEST:
            apdu = apdu[:-1]
        return self.inner.transmit(apdu)


class RetryLe(Wrapper):
    """6Cxx: the same command once more with the length the card named (card §2.5, A)."""

    def transmit(self, apdu: bytes) -> bytes:
        answer = self.inner.transmit(apdu)
        if len(answer) != 2 or answer[0] != WRONG_LE:
            return answer
        command = CommandApdu.parse(apdu)
        exact = CommandApdu(command.cla, command.ins, command.p1, command.p2, command.data, answer[-1] or 256)
        return self.inner.transmit(exact.to_bytes())


class GetResponse(Wrapper):
    """61xx: fetches the rest with GET RESPONSE; ChannelLimitError beyond 256 rounds or 64 KiB, CardGarbageError."""

    def transmit(self, apdu: bytes) -> bytes:
        answer = self.inner.transmit(apdu)
        if len(answer) < 2 or answer[-2] != MORE_DATA:
            return answer
        collected = b""
        for _ in range(MAX_ROUNDS):
            collected += answer[:-2]
            if answer[-2] != MORE_DATA:
                return collected + answer[-2:]
            if len(collected) > MAX_ANSWER:
                break
            # GET RESPONSE keeps the logical channel bits of the command's class and nothing else of it.
            fetch = CommandApdu(apdu[0] & 0x03 if apdu[0] < 0x80 else 0, Ins.GET_RESPONSE, le=answer[-1] or 256)
            answer = self.inner.transmit(fetch.to_bytes())
            if len(answer) < 2:
                raise CardGarbageError("no status word behind the rest of an answer")
        raise ChannelLimitError("the card announces more data without end")

    def tell(self, apdu: bytes) -> bytes:
        """The card drops what waits at the next command (ISO/IEC 7816-3 §10.3)."""
        answer = self.inner.transmit(apdu)
        return DONE if answer[-2:-1] == MORE_BYTE else answer


class Chaining(Wrapper):
    """Commands with more than 255 bytes of data leave in chained blocks; a refused block ends the chain."""

    def transmit(self, apdu: bytes) -> bytes:
        if len(apdu) <= SHORTEST + BLOCK:
            return self.inner.transmit(apdu)
        command = CommandApdu.parse(apdu)
        if len(command.data) <= BLOCK:
            return self.inner.transmit(apdu)
        blocks = [command.data[at : at + BLOCK] for at in range(0, len(command.data), BLOCK)]
        if len(blocks) > MAX_ROUNDS:
            raise ChannelLimitError("command too long to be chained")
        for block in blocks[:-1]:
            part = CommandApdu(command.cla | _CHAINED, command.ins, command.p1, command.p2, block)
            answer = self.inner.transmit(part.to_bytes())
            if answer[-2:] != SW.OK.to_bytes(2, "big"):
                return answer
        last = CommandApdu(command.cla, command.ins, command.p1, command.p2, blocks[-1], command.le)
        return self.inner.transmit(last.to_bytes())


class _Begun(Wrapper):
    """A channel whose first answer has come already."""

    def __init__(self, inner: CardChannel, answer: bytes) -> None:
        super().__init__(inner)
        self._answer = answer

    def transmit(self, apdu: bytes) -> bytes:
        answer, self._answer = self._answer, b""
        return answer or self.inner.transmit(apdu)


class Direct(Wrapper):
    """The common case in one step: a short command with a whole answer. All else takes the stack it stands before."""

    def __init__(self, stack: CardChannel, wire: CardChannel, t0: bool) -> None:
        super().__init__(stack)
        self._wire = wire
        self._t0 = t0

    def transmit(self, apdu: bytes) -> bytes:
        if len(apdu) > SHORTEST + BLOCK:
            return self.inner.transmit(apdu)
        bare = apdu[:-1] if self._t0 and len(apdu) > SHORTEST and apdu[4] == len(apdu) - SHORTEST else apdu
        answer = self._wire.transmit(bare)
        if len(answer) < 2 or answer[-2] not in UNFINISHED:
            return answer
        wire = StripLe(self._wire) if self._t0 else self._wire
        return GetResponse(RetryLe(_Begun(wire, answer))).transmit(apdu)


def speaks_t0(atr: bytes) -> bool:
    """True when the first protocol the ATR offers is T=0: no TD1, or TD1 with low nibble 0 (ISO/IEC 7816-3 §8.2)."""
    if len(atr) < 2:
        return True
    td1 = 2 + bin(atr[1] >> 4 & 0x7).count("1")  # behind TA1 TB1 TC1
    return not atr[1] & 0x80 or len(atr) <= td1 or atr[td1] & 0x0F == 0


def protocol_of(channel: CardChannel) -> str:
    """`T=0`, `T=1` or `T=CL`: what the reader says, else what the answer to reset offers first."""
    if interface_of(channel.atr) is Interface.CONTACTLESS:
        return "T=CL"
    spoken = getattr(channel, "protocol", "")  # SpeaksProtocol, asked the quick way
    if isinstance(spoken, str) and spoken:
        return spoken
    return "T=0" if speaks_t0(channel.atr) else "T=1"


def standard(channel: CardChannel, log: TrafficSink | None = None, *, extended: bool = False) -> CardChannel:
    """The usual stack: chaining, GET RESPONSE, exact length, T=0 lengths, and the masked log at the very wire.

    `extended`: the card takes long commands whole (its profile lists T=1); over T=0 they are chained all the same.
    """
    wire: CardChannel = TrafficLog(channel, log) if log is not None else channel
    t0 = protocol_of(channel) == "T=0"
    fetched = GetResponse(RetryLe(StripLe(wire) if t0 else wire))
    return Direct(fetched if extended and not t0 else Chaining(fetched), wire, t0)
