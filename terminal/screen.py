"""What a person reads at a terminal: one sentence, one next step, Chinese first, English beside."""

from dataclasses import dataclass
from enum import Enum

from card.texts import text


class Tone(Enum):
    """Colour and sound of the lamp."""

    GO = "go"
    STOP = "stop"
    WAIT = "wait"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Screen:
    """`zh` and `en` are the sentences, `lines` further (Chinese, English) rows; the first row is the next step."""

    code: str
    zh: str
    en: str
    tone: Tone
    lines: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """For a terminal of the command line: code, both sentences, rows."""
        rows = [f"[{self.tone.value.upper():5}] {self.code}", f"  {self.zh}", f"  {self.en}"]
        rows += [f"    {zh} · {en}" for zh, en in self.lines]
        return "\n".join(rows)


def screen(code: str, tone: Tone, *lines: tuple[str, str], **values: object) -> Screen:
    """The screen of a text code; `values` fill the sentences' places. TextMissingError for an unknown code."""
    zh, en = text(code, "zh"), text(code, "en")
    step = (zh.next_step.format(**values), en.next_step.format(**values))
    rows = (step, *lines) if any(step) else lines
    return Screen(code, zh.message.format(**values), en.message.format(**values), tone, rows)
