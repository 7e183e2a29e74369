"""What every scene stands on: place, number, time, facts. Built by assemblies, handed to errands."""

from dataclasses import dataclass
from datetime import date, datetime

from card.domain.clock import Clock, business_date, business_time, to_ms
from card.domain.credential import PresentedCredential, VerifiedCredential
from card.domain.entropy import Entropy
from card.domain.scene import Place, TerminalId
from terminal.clock_guard import ClockGuard
from terminal.facts import FactsCabinet

DAY = "%Y%m%d"


@dataclass(frozen=True, slots=True)
class Post:
    """One device at its post."""

    terminal: TerminalId
    place: Place
    clock: Clock
    entropy: Entropy
    facts: FactsCabinet
    guard: ClockGuard

    def now_ms(self) -> int:
        """Business time, ms UTC."""
        return to_ms(self.clock.now())

    def today(self) -> date:
        """The business day in Hainan."""
        return business_date(self.clock.now())

    def base_body(self) -> dict[str, object]:
        """The members of every event's body that say where it happened."""
        return {"operator": self.place.operator, "site": self.place.site, "region": self.place.region}

    def hotlist_ages(self) -> dict[str, object]:
        """Age of the list and the age allowed, seconds; -1 = no list."""
        return {
            "hotlist_age_s": self.facts.age_s("hotlist"),
            "hotlist_max_age_s": self.facts.max_age_s("hotlist"),
        }

    def hotlisted(self, verified: VerifiedCredential) -> bool:
        """Whether one of the credential's media is in the list."""
        return self.facts.hotlist().lists_any(verified.media)


def purse_moment(at: datetime) -> tuple[str, str]:
    """Card date YYYYMMDD and time hhmmss in Hainan."""
    local = business_time(at)
    return local.strftime(DAY), local.strftime("%H%M%S")


def parse_day(digits: str) -> date | None:
    """YYYYMMDD as a date, None when it is not one."""
    try:
        return datetime.strptime(digits, DAY).date()
    except ValueError:
        return None


def credential_json(verified: VerifiedCredential) -> dict[str, object]:
    """The `credential` member of an event; claims stay in the body where a type says so."""
    return {
        "kind": verified.kind.value,
        "medium": verified.medium_id.hex(),
        "assurance": verified.assurance.value,
        "unproven": list(verified.unproven),
    }


def unbelieved(presented: PresentedCredential) -> dict[str, object]:
    """The `credential` member when verification refused: only what was held up."""
    return {"kind": presented.kind.value, "medium": presented.medium_id.hex(), "assurance": "none", "unproven": []}


def whole(value: object) -> int:
    """An integer out of an event body; TypeError is a fault of ours."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("an integer of the journal")
    return value


def inputs_part(inputs: dict[str, object] | None) -> dict[str, object]:
    """The `inputs` member of a body; none at all when verification refused and no rule was asked."""
    return {} if inputs is None else {"inputs": inputs}
