"""Steps of the offices: cards reported lost, found again, replaced; the desk's own round."""

from firmware_sim.world.people import FORMAL_LOSS, NORMAL, SPARE, TEMPORARY_LOSS, make_card
from firmware_sim.world.world import World

MOST_CARDS = 4


def report_loss(world: World) -> None:
    """A holder reports the card lost; often a stranger has it, sometimes nobody will ever see it again."""
    using = [holder for holder in world.holders if holder.card.state == NORMAL]
    if len(using) * 2 < len(world.holders):
        return
    holder = world.chance.pick(using)
    card = holder.card
    world.office.change(holder, card, world.chance.pick((TEMPORARY_LOSS, FORMAL_LOSS)))
    card.finder = world.chance.odds(70)
    card.gone = not card.finder and world.chance.odds(40)
    world.count("reported lost")


def found(world: World) -> None:
    """A temporary loss is taken back."""
    lost = [h for h in world.holders if h.card.state == TEMPORARY_LOSS and not h.card.gone]
    if lost:
        holder = world.chance.pick(lost)
        holder.card.finder = False
        world.office.change(holder, holder.card, NORMAL)
        world.count("found")


def replacement(world: World) -> None:
    """A lost card is replaced: new chip, new purse, new e-card."""
    lost = [h for h in world.holders if h.card.state == FORMAL_LOSS and len(h.cards) < MOST_CARDS]
    if lost:
        holder = world.chance.pick(lost)
        number = SPARE * len(holder.cards) + holder.number
        new = make_card(holder, number, world.chips, supersedes=holder.card.card_id)
        world.truth.begin(new.asn, new.chip)
        world.office.replace(holder, new)
        world.count("replaced")


def desk_round(world: World) -> None:
    """The operator's desk: rests of lost cards, waiting stays."""
    world.office.settle()
