"""What a run leaves behind: steps with evidence, panels to look at, invariants; nothing here decides anything."""

from dataclasses import dataclass, field
from typing import Any

# The road in its order; `report.json` lists under `not_built` whatever a version of this program cannot do yet.
STEP_TITLES = {
    "apply": ("申请", "Applications checked"),
    "approve": ("复核", "Approved by another person"),
    "personalize": ("制卡", "Cards made from blank chips"),
    "handout": ("发卡", "Handed out, PIN changed, enabled"),
    "load": ("圈存", "Purse loaded at the kiosk"),
    "bus_tap": ("乘车", "Bus rides, fare by age"),
    "bus_tear": ("拔卡", "Card torn away after the debit"),
    "hotel_offline": ("住店", "Hotel stay while the line is down"),
    "scenic_camera": ("景区·手机屏", "Scenic gate, code by camera"),
    "scenic_serial": ("景区·扫码器", "Scenic gate, code by serial scanner"),
    "replay_refused": ("重放", "The same code again"),
    "benefit_run": ("发放", "Benefit paid through two banks"),
    "benefit_repay": ("重发", "Only the failed lines, once more"),
    "loss_refused": ("挂失", "Lost card refused everywhere"),
    "replacement": ("补卡", "New card, same rights and money"),
    "death_stop": ("身故停发", "One notice stops everything"),
    "clearing": ("清分结算", "Clearing equals the journals"),
}


@dataclass(slots=True)
class Wrote:
    """One thing a machine did: `kind` apdu | event | posting | file | message; `ms` 0 when not timed."""

    kind: str
    text: str
    ms: float = 0.0


@dataclass(slots=True)
class Panel:
    """One picture of the timeline: what the person saw beside what the machine wrote.

    `seconds` is the time on the wires where it was measured, `step_seconds` the whole step around it.
    """

    title_zh: str
    title_en: str
    screen: tuple[str, ...] = ()
    tone: str = "good"
    who: str = ""
    wrote: list[Wrote] = field(default_factory=list)
    fault: str = ""
    ended: str = ""
    seconds: float = 0.0
    step_seconds: float = 0.0


@dataclass(slots=True)
class Step:
    """One step of the road."""

    id: str
    ok: bool = False
    seconds: float = 0.0
    evidence: dict[str, Any] = field(default_factory=dict)
    panels: list[Panel] = field(default_factory=list)
    problem: str = ""

    @property
    def title_zh(self) -> str:
        return STEP_TITLES[self.id][0]

    @property
    def title_en(self) -> str:
        return STEP_TITLES[self.id][1]


@dataclass(slots=True)
class Invariant:
    """One law of the books, tested at the end; `value` is what was measured."""

    name: str
    ok: bool
    value: Any
    zh: str
    en: str


@dataclass(slots=True)
class Check:
    """A command of somebody else's program and what it must print."""

    title_zh: str
    title_en: str
    command: str
    expect: str
    needs: str


@dataclass(slots=True)
class RunRecord:
    """Everything the report page and `report.json` are made of."""

    seed: int
    date: str
    transport: str
    degraded: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    invariants: list[Invariant] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    money: dict[str, int] = field(default_factory=dict)
    card_view: dict[str, Any] = field(default_factory=dict)
    code_view: dict[str, Any] = field(default_factory=dict)
    benefit_lines: list[dict[str, Any]] = field(default_factory=list)
    accesses: list[dict[str, Any]] = field(default_factory=list)
    stand_ins: list[dict[str, str]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def not_built(self) -> list[str]:
        done = {step.id for step in self.steps}
        return [name for name in STEP_TITLES if name not in done]

    @property
    def ok(self) -> bool:
        steps = all(step.ok for step in self.steps) and not self.not_built
        return steps and bool(self.invariants) and all(item.ok for item in self.invariants)

    def to_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "date": self.date,
            "transport": self.transport,
            "degraded": self.degraded,
            "not_built": self.not_built,
            "flags": self.flags,
            "seconds": round(self.seconds, 1),
            "steps": [
                {"id": s.id, "ok": s.ok, "seconds": round(s.seconds, 3), "evidence": s.evidence, "problem": s.problem}
                for s in self.steps
            ],
            "invariants": {item.name: {"ok": item.ok, "value": item.value} for item in self.invariants},
            "money": self.money,
            "figures": self.figures,
            "versions": self.versions,
            "skipped": self.skipped,
        }
