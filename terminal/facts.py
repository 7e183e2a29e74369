"""The facts cabinet: what a terminal believes about the world, each kind signed, versioned and of known age.

On disk lie the bundles as they came, a whole list and the differences after it; they are opened and checked again at
every start, so nothing unsigned is ever believed. A fault of one kind never touches what is held of it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from card.domain.clock import Clock, to_ms
from card.domain.money import Fen
from card.rules.fares import BusTariff, TariffError
from card.rules.scenic import ScenicPrices
from keys.algorithms.sm2 import Sm2PublicKey
from keys.errors import FactsBaseError, FactsFormatError, KeysError
from keys.facts import Bundle, open_bundle
from terminal.memory import Memory
from terminal.uplink import API, Uplink, accepted
from terminal.verifiers.hotlist import Hotlist

KINDS = ("hotlist", "tariff", "trust", "catalogue", "policy")
NO_CONTENT = 204
NONE = -1
# After so many differences the whole list is asked for again.
MAX_DELTAS = 200


@dataclass(frozen=True, slots=True)
class Held:
    """One kind as it is known now: version, issue instant (ms), allowed age (s), whole entries."""

    version: int = 0
    issued_at: int = 0
    max_age_s: int = 0
    entries: Any = field(default_factory=list)
    bundles: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Refresh:
    """What asking for one kind did: the version held afterwards, and the code of what was refused ("" = nothing)."""

    kind: str
    version: int
    refused: str = ""


class FactsCabinet:
    """Facts of one device. Readers get whole values; a refresh replaces a kind at once."""

    def __init__(
        self,
        memory: Memory,
        facts_key: Sm2PublicKey,
        list_key: bytes,
        clock: Clock,
        *,
        saw_signed_ms: Callable[[int], None] = lambda _ms: None,
    ) -> None:
        """Opens what memory holds; a stored kind that no longer checks out counts as not held (see `damaged`)."""
        self._memory = memory
        self._key = facts_key
        self._list_key = list_key
        self._clock = clock
        self._saw = saw_signed_ms
        self._held: dict[str, Held] = {}
        self.damaged: list[str] = []
        for kind in KINDS:
            self._load(kind)
        self._hotlist = self._make_hotlist()

    # -- refreshing

    def refresh(self, uplink: Uplink, kinds: tuple[str, ...] = KINDS) -> list[Refresh]:
        """Ask for what is newer. LinkDownError stops it; a refused bundle is named and changes nothing."""
        return [self._refresh(uplink, kind) for kind in kinds]

    def take(self, kind: str, raw: dict[str, Any]) -> None:
        """Accept one bundle. Raises the FactsErrors of `keys.errors`; then what is held stays as it was."""
        held = self._fold(kind, self._held.get(kind, Held()), raw)
        self._memory.put(f"facts.{kind}", json.dumps(held.bundles, ensure_ascii=False).encode())
        self._held[kind] = held
        self._saw(held.issued_at)
        if kind == "hotlist":
            self._hotlist = self._make_hotlist()

    def _refresh(self, uplink: Uplink, kind: str) -> Refresh:
        held = self._held.get(kind, Held())
        have = held.version if len(held.bundles) < MAX_DELTAS else 0
        reply = uplink.exchange("GET", f"{API}/facts/{kind}?have={have}", None)
        if reply.status == NO_CONTENT:
            return Refresh(kind, held.version)
        try:
            self.take(kind, accepted(reply, f"asking for {kind}"))
        except FactsBaseError:
            return self._start_over(uplink, kind)
        except KeysError as bad:
            return Refresh(kind, held.version, bad.code)
        return Refresh(kind, self._held[kind].version)

    def _start_over(self, uplink: Uplink, kind: str) -> Refresh:
        """A difference that does not build on what is held: ask for the whole list."""
        held = self._held.get(kind, Held())
        reply = uplink.exchange("GET", f"{API}/facts/{kind}?have=0", None)
        try:
            self.take(kind, accepted(reply, f"asking for the whole {kind}"))
        except KeysError as bad:
            return Refresh(kind, held.version, bad.code)
        return Refresh(kind, self._held[kind].version)

    # -- reading

    def versions(self) -> dict[str, int]:
        """Kind -> version of what is held: the facts an event stands on."""
        return {kind: held.version for kind, held in sorted(self._held.items())}

    def age_s(self, kind: str) -> int:
        """Seconds since `kind` was issued; -1 when none is held, 0 when issued in our future."""
        held = self._held.get(kind)
        return NONE if held is None else max(0, (to_ms(self._clock.now()) - held.issued_at) // 1000)

    def max_age_s(self, kind: str) -> int:
        """The age the issuer allows; 0 when none is held."""
        held = self._held.get(kind)
        return 0 if held is None else held.max_age_s

    def hotlist(self) -> Hotlist:
        """The list; empty when none is held (then `age_s` is -1 and rules refuse)."""
        return self._hotlist

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Whole entries of a kind that has objects for entries; [] when none is held."""
        held = self._held.get(kind)
        return [] if held is None else list(held.entries)

    def tariff(self, operator: str, line: str) -> BusTariff | None:
        """The tariff row of a bus line, or None."""
        for entry in self.entries("tariff"):
            if entry.get("operator") == operator and entry.get("line") == line:
                return BusTariff.from_entry(entry)
        return None

    def trust_entries(self) -> Any:
        """Entries of the trust bundle as they are, None when none is held."""
        held = self._held.get("trust")
        return None if held is None else held.entries

    def bundle(self, kind: str) -> dict[str, Any] | None:
        """The whole-list bundle a kind stands on, as it came."""
        held = self._held.get(kind)
        return None if held is None or not held.bundles else held.bundles[0]

    # -- inside

    def _load(self, kind: str) -> None:
        stored = self._memory.get(f"facts.{kind}")
        if stored is None:
            return
        held = Held()
        try:
            for raw in json.loads(stored):
                held = self._fold(kind, held, raw)
        except (KeysError, ValueError):
            self.damaged.append(kind)
            return
        self._held[kind] = held

    def _fold(self, kind: str, held: Held, raw: dict[str, Any]) -> Held:
        bundle = open_bundle(raw, self._key, kind=kind, have_version=held.version)
        header = bundle.header
        if header.base:
            entries, bundles = _changed(held.entries, bundle), (*held.bundles, raw)
        else:
            entries, bundles = bundle.entries, (raw,)
        _check_entries(kind, entries)
        return Held(header.version, header.issued_at, header.max_age_s, entries, bundles)

    def _make_hotlist(self) -> Hotlist:
        held = self._held.get("hotlist", Held())
        return Hotlist(self._list_key, [bytes.fromhex(entry) for entry in held.entries])


def scenic_prices(cabinet: FactsCabinet, site: str) -> tuple[ScenicPrices | None, int]:
    """Price table and capacity of a site from the policy facts; (None, 0) when it has none."""
    for entry in cabinet.entries("policy"):
        if entry.get("kind") == "scenic" and entry.get("site") == site:
            return _prices(entry)
    return None, 0


def item_in_force(cabinet: FactsCabinet, item: str, operator: str) -> bool:
    """Whether the catalogue lets this operator accept the card for `item`."""
    return any(
        entry.get("item") == item and entry.get("operator") in ("*", operator) and entry.get("in_force") is True
        for entry in cabinet.entries("catalogue")
    )


def _changed(entries: Any, bundle: Bundle) -> list[Any]:
    delta = bundle.entries
    if not isinstance(delta, dict) or set(delta) != {"add", "remove"} or not isinstance(entries, list):
        raise FactsFormatError("a difference has members add and remove")
    removed = {_identity(entry) for entry in delta["remove"]}
    kept = [entry for entry in entries if _identity(entry) not in removed]
    present = {_identity(entry) for entry in kept}
    return kept + [entry for entry in delta["add"] if _identity(entry) not in present]


def _identity(entry: object) -> str:
    return entry if isinstance(entry, str) else json.dumps(entry, sort_keys=True)


def _check_entries(kind: str, entries: Any) -> None:
    if kind == "hotlist":
        if not isinstance(entries, list) or not all(_is_hotlist_entry(entry) for entry in entries):
            raise FactsFormatError("hotlist entries are 20 hex digits")
        return
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FactsFormatError(f"{kind} entries are objects")
    try:
        for entry in entries:
            _ENTRY_FORMS.get(kind, dict)(entry)
    except (TariffError, KeyError, TypeError, ValueError) as bad:
        raise FactsFormatError(f"{kind}: {bad}") from bad


def _policy_form(entry: dict[str, Any]) -> None:
    if entry.get("kind") == "scenic":
        _prices(entry)


def _prices(entry: dict[str, Any]) -> tuple[ScenicPrices, int]:
    prices = ScenicPrices(
        str(entry["site"]),
        Fen(entry["full_price"]),
        int(entry["senior_half_percent"]),
        int(entry["minor_half_percent"]),
        int(entry["student_percent"]),
        int(entry["free_percent"]),
    )
    return prices, int(entry["capacity"])


# What an entry of a kind must be readable as, checked when a bundle is taken and not when somebody stands at the gate.
_ENTRY_FORMS: dict[str, Callable[[dict[str, Any]], object]] = {
    "tariff": BusTariff.from_entry,
    "policy": _policy_form,
}


def _is_hotlist_entry(entry: object) -> bool:
    if not isinstance(entry, str) or len(entry) != 20:
        return False
    try:
        bytes.fromhex(entry)
    except ValueError:
        return False
    return True
