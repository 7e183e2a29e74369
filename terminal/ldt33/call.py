"""One call of one function: what it opens is closed at its end, unless a further step is to find it."""

from dataclasses import dataclass, field

from card.apdu import SW
from terminal.ldt33.codes import Code, Ldt33Error
from terminal.ldt33.module import Module, open_module
from terminal.ldt33.pinpad import Prompt
from terminal.ldt33.visit import Desk, Visit, open_visit


@dataclass(slots=True)
class Pending:
    """What waits for `function`, the next step, until `deadline`: the card under power and what was told about it."""

    function: str
    visit: Visit
    deadline: float
    state: object = field(repr=False)


class Call:
    """The card, the module and the keypad for one call. `resumed` is the step before, for a step."""

    def __init__(self, desk: Desk, resumed: Pending | None = None) -> None:
        self.desk = desk
        self.resumed = resumed
        self.kept: Pending | None = None
        self._visit: Visit | None = resumed.visit if resumed else None
        self._module: Module | None = None

    def open(self, kind: int, *, contact_only: bool = False) -> Visit:
        """Power the card."""
        self._visit = open_visit(self.desk, kind, contact_only=contact_only)
        return self._visit

    @property
    def visit(self) -> Visit:
        """The card of the steps before; -12 when there were none."""
        if self._visit is None:
            raise Ldt33Error(Code.NOT_CONNECTED)
        return self._visit

    @property
    def heard(self) -> int:
        """The last status word of the card, 9000 when there was none."""
        return self._visit.wire.heard if self._visit is not None else SW.OK

    @property
    def module(self) -> Module:
        """The PSAM, powered when first asked for."""
        if self._module is None:
            self._module = open_module(self.desk)
        return self._module

    def ask(self, prompt: Prompt) -> str:
        """What the holder typed."""
        return self.desk.pinpad.ask(prompt, self.desk.config.pin_timeout_s * 1000)

    def keep(self, function: str, state: object) -> None:
        """Leave card and `state` for `function`; nothing else may come in between."""
        deadline = self.desk.now() + self.desk.config.step_timeout_s
        self.kept = Pending(function, self.visit, deadline, state)

    def close(self) -> None:
        """Let module and card go, the card not when a step waits for it."""
        if self._module is not None:
            self._module.close()
        if self._visit is not None and self.kept is None:
            self._visit.close()
