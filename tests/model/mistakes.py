"""Specifications with one rule broken each: what the search must be able to tell from the twin."""

import copy
from typing import ClassVar

from tests.model.play import Start
from tests.model.spec import SpecCard
from tests.model.state import FIRST_PIN, PIN, Apdu, Deal, Draw, Refused, need


class Mistaken(SpecCard):
    """`steps` is the longest acceptable shortest proof."""

    steps: ClassVar[int] = 8


class ChallengeServesTwice(Mistaken):
    def take_challenge(self, length: int) -> bytes:
        need(len(self.now.challenge) == length, 0x6984)
        return self.now.challenge


class RightProofFillsNothing(Mistaken):
    def guess(self, counter: tuple[str, int, int], top: int, right: bool) -> None:
        before = self.kept.tries.get(counter, top)
        super().guess(counter, top, right)
        self.kept.tries[counter] = before


class WrongProofCostsNothing(Mistaken):
    def guess(self, counter: tuple[str, int, int], top: int, right: bool) -> None:
        before = self.kept.tries.get(counter, top)
        try:
            super().guess(counter, top, right)
        except Refused:
            self.kept.tries[counter] = before
            raise


class FirstPinOpensFiles(Mistaken):
    steps = 12

    def grant(self, folder: str, right: str) -> None:
        super().grant(folder, PIN if right == FIRST_PIN else right)


class RightsSurviveSelection(Mistaken):
    steps = 12

    def process(self, raw: bytes, draw: Draw) -> bytes:
        before = copy.deepcopy(self.now.rights)
        answer = super().process(raw, draw)
        for folder, rights in before.items():
            self.now.rights.setdefault(folder, set()).update(rights)
        return answer


class TransactionSurvivesReset(Mistaken):
    def reset(self) -> bytes:
        deal: Deal | None = self.now.deal if hasattr(self, "now") else None
        atr = super().reset()
        self.now.deal = deal
        return atr


class WaitingAnswerStays(Mistaken):
    def _do(self, apdu: Apdu, draw: Draw) -> bytes:
        before = self.now.waiting
        answer = super()._do(apdu, draw)
        self.now.waiting = before
        return answer


class OldestKeyVersionServes(Mistaken):
    steps = 20

    def end(self) -> None: ...


class LogIsOneShort(Mistaken):
    steps = 40

    def process(self, raw: bytes, draw: Draw) -> bytes:
        answer = super().process(raw, draw)
        for log in self.kept.logs.values():
            del log[2:]
        return answer


ALL = (
    ChallengeServesTwice,
    RightProofFillsNothing,
    WrongProofCostsNothing,
    FirstPinOpensFiles,
    RightsSurviveSelection,
    TransactionSurvivesReset,
    LogIsOneShort,
)


def planted(start: Start, mistake: type[Mistaken]) -> Start:
    """The same card with the mistaken specification."""
    model = mistake.__new__(mistake)
    model.__dict__.update(start.model.__dict__)
    return Start(start.profiles, start.values, model)
