"""What a card knows only while it has power."""

from dataclasses import dataclass, field

from card.files.kinds import AnyEf
from firmware_sim.card.blueprint import MF, Blueprint
from firmware_sim.card.status import NO_CHALLENGE, SwError


@dataclass(slots=True)
class PendingTransaction:
    """Between 8050 and 8052/8054. `cache` holds file records to be written with the debit, by (SFI, record number)."""

    kind: int  # transaction type byte: 02 load, 03 unload, 06 purchase, 09 compound purchase
    amount: int
    terminal: bytes
    random: bytes
    sequence: int
    key: bytes
    cache: dict[tuple[int, int], bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    """Selected directory and file, rights by directory, the last challenge, the transaction under way."""

    directory: str = MF
    ef: AnyEf | None = None
    challenge: bytes = b""
    personalising: bool = False
    transaction: PendingTransaction | None = None
    proofs: dict[str, set[str]] = field(default_factory=dict)

    def select_dir(self, plan: Blueprint, name: str) -> None:
        """Enter `name`: rights of its ancestors stay, every other right, challenge and transaction is lost."""
        kept = plan.lineage(name)[1:]
        self.proofs = {directory: proofs for directory, proofs in self.proofs.items() if directory in kept}
        self.directory = name
        self.ef = None
        self.challenge = b""
        self.transaction = None

    def grant(self, directory: str, proof: str) -> None:
        """Remember that `proof` was given for `directory`."""
        self.proofs.setdefault(directory, set()).add(proof)

    def revoke(self, directory: str, *proofs: str) -> None:
        """Forget `proofs` of `directory`."""
        self.proofs.get(directory, set()).difference_update(proofs)

    def rights(self, plan: Blueprint) -> frozenset[str]:
        """Proofs that count in the selected directory: its own and its ancestors'."""
        return frozenset(proof for name in plan.lineage(self.directory) for proof in self.proofs.get(name, ()))

    def use_challenge(self, length: int = 0) -> bytes:
        """The last challenge, once. Raises SwError 6984 when there is none of `length` bytes (0: of any length)."""
        challenge, self.challenge = self.challenge, b""
        if not challenge or (length and len(challenge) != length):
            raise SwError(NO_CHALLENGE)
        return challenge
