"""GET BALANCE of the medical insurance application (card §2.1: B0 26): read only, and behind the PIN."""

from card.files.kinds import Access, TransparentEf
from firmware_sim.card import memory
from firmware_sim.card.cos import Card
from firmware_sim.card.dispatch import Command, want_le
from firmware_sim.card.rules import Form, Rule, exactly, sizes
from firmware_sim.card.status import CONDITIONS, SwError

ACCOUNTS_FID = bytes.fromhex("EF81")  # the internal file; no command reads it (card §1.8)
# P2 -> where it stands: 01 personal account 4; 02, 03 pooled, amount 4 || year 2 (declared layout).
PLACES = {1: slice(0, 4), 2: slice(4, 10), 3: slice(10, 16)}
_PIN = Access.parse("pin")


def get_balance(card: Card, command: Command) -> bytes:
    """B0 26 00 P2: 01 CIA 4 bytes; 02 SPIP, 03 SPFP: amount 4 || year 2."""
    ef = card.plan.ef_by_fid(card.session.directory, ACCOUNTS_FID)
    if not isinstance(ef, TransparentEf):
        raise SwError(CONDITIONS)
    card.check_access(_PIN)
    answer = card.nv.need(memory.binary_name(ef))[PLACES[command.p2]]
    want_le(command, len(answer))
    return answer


RULES: dict[int, Rule] = {0xB026: Rule(get_balance, "P", (Form(exactly(*PLACES), sizes(0)),))}
