"""Who plays which part: chosen by age and bank from whoever the applicants' file brought, so that any file will do."""

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
    `deceased` dies after being paid; `gone` died after hand-out, before the benefit run; `visitor` goes to the park.
    """

    riders: tuple[Holder, ...]
    main: Holder
    loser: Holder
    deceased: Holder
    gone: Holder
    visitor: Holder


def choose(stage: Stage) -> Cast:
    """The same file and day give the same cast."""
    day = date.fromisoformat(stage.record.date)
    adults = [h for h in stage.holders if ADULT <= _age(h, day) < SENIOR]
    if len(adults) < 4:
        adults = [h for h in stage.holders if _age(h, day) >= ADULT]
    main, loser, deceased, gone = adults[:4]
    seniors = sorted((h for h in stage.holders if SENIOR <= _age(h, day) < FREE), key=lambda h: _age(h, day))
    visitor = next((h for h in seniors if h not in (main, loser, deceased, gone)), main)
    riders = [main, loser, deceased]
    for low, high in ((HALF, FREE - 1), (FREE, 200), (60, 64), (0, 17), (18, 59)):
        riders += [h for h in stage.holders if low <= _age(h, day) <= high and h not in (*riders, gone)][:PER_AGE_CLASS]
    others = [h for h in adults[4:] if h not in riders]
    riders += others[: max(0, MOST_RIDERS - len(riders))]
    return Cast(tuple(riders), main, loser, deceased, gone, visitor)


def _age(holder: Holder, day: date) -> int:
    return age_on(holder.birth, day) if holder.birth else ADULT + 1
