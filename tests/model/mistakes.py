"""Specifications with one rule broken each: what the search must be able to tell from the twin."""

import copy
from typing import ClassVar

from tests.model.play import Start
from tests.model.spec import SpecCard
from tests.model.state import FIRST_PIN, PIN, Apdu, Draw, Key, Refused, need


class Mistaken(SpecCard):
    """`steps` is the longest proof that is still acceptable after shortening."""

    steps: ClassVar[int] = 8


class ChallengeServesTwice(Mistaken):
    def take_challenge(self, length: int) -> bytes:
        need(len(self.now.challenge) == length if length else self.now.challenge, 0x6984)
        return self.now.challenge


class RightProofFillsNothing(Mistaken):
    def tried(self, counter: tuple[str, int, int], key: Key, right: bool) -> None:
        before = self.kept.tries.get(counter, key.top)
        super().tried(counter, key, right)
        self.kept.tries[counter] = before


class WrongProofCostsNothing(Mistaken):
    def tried(self, counter: tuple[str, int, int], key: Key, right: bool) -> None:
        before = self.kept.tries.get(counter, key.top)
        try:
            super().tried(counter, key, right)
        except Refused:
            self.kept.tries[counter] = before
            raise


class FirstPinOpensFiles(Mistaken):
    steps = 12

    def grant(self, folder: str, right: str) -> None:
        super().grant(folder, PIN if right == FIRST_PIN else right)


class WrongPinKeepsTheRight(Mistaken):
    steps = 12

    def revoke(self, folder: str, *rights: str) -> None:
        if PIN not in rights:
            super().revoke(folder, *rights)


class RightsSurviveSelection(Mistaken):
    steps = 12

    def answered(self, apdu: Apdu, draw: Draw) -> bytes:
        before = copy.deepcopy(self.now.rights)
        answer = super().answered(apdu, draw)
        for folder, rights in before.items():
            self.now.rights.setdefault(folder, set()).update(rights if apdu.ins == 0xA4 else ())
        return answer


class TransactionSurvivesSelection(Mistaken):
    steps = 10

    def answered(self, apdu: Apdu, draw: Draw) -> bytes:
        before = self.now.deal
        answer = super().answered(apdu, draw)
        self.now.deal = before if apdu.ins == 0xA4 else self.now.deal
        return answer


class LogForgetsEarly(Mistaken):
    steps = 16

    def answered(self, apdu: Apdu, draw: Draw) -> bytes:
        answer = super().answered(apdu, draw)
        for log in self.kept.logs.values():
            del log[2:]
        return answer


ALL = (
    ChallengeServesTwice,
    RightProofFillsNothing,
    WrongProofCostsNothing,
    FirstPinOpensFiles,
    WrongPinKeepsTheRight,
    RightsSurviveSelection,
    TransactionSurvivesSelection,
    LogForgetsEarly,
)


def planted(start: Start, mistake: type[Mistaken]) -> Start:
    """The same card with the mistaken specification."""
    model = mistake.__new__(mistake)
    model.__dict__.update(start.model.__dict__)
    return Start(start.profiles, start.values, model)
