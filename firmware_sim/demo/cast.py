"""Who plays which part: chosen by age and bank from whoever the applicants' file brought, so that any file will do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from card.rules.ages import age_on
from firmware_sim.demo.stage import Holder, Stage

ADULT, HALF, FREE, SENIOR = 18, 65, 70, 60
MOST_RIDERS = 12
PER_AGE_CLASS = 2


@dataclass(frozen=True, slots=True)
class Cast:
    """`riders` have money on their purse. `main` rides, is torn and stays at the hotel; `loser` loses the card;
    `deceased` dies after being paid; `gone` died after hand-out, before the benefit run; `visitor` goes to the park, a
    senior when there is one, and is not `main`, who goes there too: two codes of one phone in one second are one code.
    """

    riders: tuple[Holder, ...]
    main: Holder
    loser: Holder
    deceased: Holder
    gone: Holder
    visitor: Holder


def choose(stage: Stage) -> Cast:
    """The same file and day give the same cast."""
    return cast_of(stage.holders, date.fromisoformat(stage.record.date))


def cast_of(holders: Sequence[Holder], day: date) -> Cast:
    """The parts among `holders`, of whom four are adults at least."""
    adults = [h for h in holders if ADULT <= _age(h, day) < SENIOR]
    if len(adults) < 4:
        adults = [h for h in holders if _age(h, day) >= ADULT]
    first = adults[:4]
    # Nothing is paid to the one who is gone: somebody else must be left at that bank, or it would get no file.
    gone = next((h for h in reversed(first) if sum(other.bank == h.bank for other in holders) > 1), first[-1])
    main, loser, deceased = (h for h in first if h is not gone)
    seniors = sorted((h for h in holders if SENIOR <= _age(h, day) < FREE), key=lambda h: _age(h, day))
    grown = [h for h in holders if _age(h, day) >= ADULT]
    visitor = next((h for h in (*seniors, *grown) if h not in first), main)
    riders = [main, loser, deceased]
    for low, high in ((HALF, FREE - 1), (FREE, 200), (60, 64), (0, 17), (18, 59)):
        riders += [h for h in holders if low <= _age(h, day) <= high and h not in (*riders, gone)][:PER_AGE_CLASS]
    others = [h for h in adults[4:] if h not in riders]
    riders += others[: max(0, MOST_RIDERS - len(riders))]
    return Cast(tuple(riders), main, loser, deceased, gone, visitor)


def _age(holder: Holder, day: date) -> int:
    return age_on(holder.birth, day) if holder.birth else ADULT + 1
