"""The library of one terminal: every function by name, with what one call leaves for the next step of it.

One call at a time; whoever shares a library between threads holds a lock around `call`. A step must follow the step
before it, on the same card in the same power-on session, within `step_timeout_s`; any other call in between ends it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from card import text_codec
from card.errors import CardError, CardLostError, FieldError
from keys.errors import KeysError, UnverifiedProfileError
from terminal.errors import TerminalError
from terminal.ldt33 import basic, debit, pins, pki, records
from terminal.ldt33.call import Call, Pending
from terminal.ldt33.codes import Code, Ldt33Error, value_of
from terminal.ldt33.table import BY_NAME, Function
from terminal.ldt33.visit import Desk, still_there

PRODUCTION = "production"
CALLERS = "ldt33"  # whose edition of text stands in card/text_editions.toml
Argument = int | str

BODIES: dict[str, Callable[..., str]] = {
    "iReadCardBas": basic.read,
    "iReadCardBas_HSM_Step1": basic.step1,
    "iReadCardBas_HSM_Step2": basic.step2,
    "iReadCard": records.read,
    "iReadCard_HSM_Step1": records.read_step1,
    "iReadCard_HSM_Step2": records.read_step2,
    "iWriteCard": records.write,
    "iWriteCard_HSM_Step1": records.write_step1,
    "iWriteCard_HSM_Step2": records.write_step2,
    "iVerifyPIN": pins.verify,
    "iChangePIN": pins.change,
    "iReloadPIN": pins.reload,
    "iReloadPIN_HSM_Step1": pins.reload_step1,
    "iReloadPIN_HSM_Step2": pins.reload_step2,
    "iReloadPIN_HSM_Step3": pins.step3,
    "iUnblockPIN": pins.unblock,
    "iUnblockPIN_HSM_Step1": pins.unblock_step1,
    "iUnblockPIN_HSM_Step2": pins.unblock_step2,
    "iUnblockPIN_HSM_Step3": pins.step3,
    "iDoDebit": debit.debit,
    "iDoDebit_HSM_Step1": debit.step1,
    "iDoDebit_HSM_Step2": debit.step2,
    "iReadDebitRecord": debit.records,
    "PKI_SignData": pki.sign,
    "PKI_VerifySign": pki.verify,
    "PKI_EncryptEnvelope": pki.seal,
    "PKI_DecryptEnvelope": pki.unseal,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller gets: the return code and pOutInfo. `detail` is for the engineer and holds no personal data."""

    code: int
    text: str = field(default="", repr=False)
    detail: str = ""

    @property
    def encoded(self) -> bytes:
        """pOutInfo as the caller's bytes, without the closing zero."""
        return text_codec.encode(self.text, text_codec.partner_edition(CALLERS), "pOutInfo")


class Ldt33Library:
    """`call` runs one function and never raises for what the world did; `forget` ends a half-done sequence of steps."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._pending: Pending | None = None

    def call(self, name: str, arguments: Sequence[Argument]) -> Answer:
        """Run one function of the table."""
        function = BY_NAME.get(name)
        if function is None:
            return Answer(Code.NOT_SUPPORTED, detail=f"no function {name}")
        try:
            self._admit(function, arguments)
            return self._run(function, list(arguments))
        except CardLostError as lost:
            return Answer(Code.NO_ANSWER, detail=str(lost))
        except (CardError, TerminalError) as trouble:
            return Answer(value_of(trouble, self._desk.config.errors), detail=str(trouble))
        except UnverifiedProfileError as trouble:
            return Answer(Code.NOT_SUPPORTED, detail=str(trouble))
        except KeysError as trouble:
            return Answer(Code.BAD_INFORMATION, detail=str(trouble))

    @property
    def waiting(self) -> bool:
        """A card is under power for a next step."""
        return self._pending is not None

    def forget(self) -> None:
        """Let a waiting card go."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.visit.close()

    def expire(self) -> None:
        """Let a waiting card go whose time is over."""
        if self._pending is not None and self._desk.now() > self._pending.deadline:
            self.forget()

    def _admit(self, function: Function, arguments: Sequence[Argument]) -> None:
        kinds = [int if item.kind == "int" else str for item in function.parameters]
        if [type(item) for item in arguments] != kinds:
            raise Ldt33Error(Code.BAD_PARAMETER, f"{function.name} takes {len(kinds)} arguments")
        config, confirmed = self._desk.config, self._desk.dialect.confirmed.functions
        if function.declared and config.profile == PRODUCTION and function.name not in confirmed:
            raise Ldt33Error(Code.NOT_SUPPORTED, f"{function.name} is declared only; nobody has confirmed its form")

    def _run(self, function: Function, arguments: list[Any]) -> Answer:
        pending, self._pending = self._pending, None
        step = function.name.endswith(("_Step2", "_Step3"))
        if pending is not None and (pending.function != function.name or self._desk.now() > pending.deadline):
            pending.visit.close()
            pending = None
        if step and pending is None:
            raise Ldt33Error(Code.NOT_CONNECTED, "no step before this one")
        call = Call(self._desk, pending)
        done = False
        try:
            text = BODIES[function.name](call, *arguments)
            answer = _bounded(function, text)
            done = True
        except CardLostError:
            if pending is None:
                raise
            raise still_there(pending.visit, self._desk) from None
        except CardError as refused:
            raise Ldt33Error(value_of(refused, self._desk.config.errors, call.heard), str(refused)) from refused
        finally:
            if not done:
                call.kept = None
            self._pending = call.kept
            call.close()
        return answer


def _bounded(function: Function, text: str) -> Answer:
    """-42 rather than a byte more than the caller was told to have room for."""
    answer = Answer(Code.OK, text)
    try:
        length = len(answer.encoded)
    except FieldError as bad:
        raise Ldt33Error(Code.BAD_INFORMATION, str(bad)) from bad
    if length + 1 > function.buffer:
        raise Ldt33Error(Code.TOO_LONG, f"answer of {length} bytes, {function.buffer - 1} at most")
    return answer
