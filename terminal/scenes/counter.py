"""A card on the counter: proven, then shown to the clerk. The list does not stop it: lost cards come here."""

from collections.abc import Callable

from card.domain.credential import VerifiedCredential
from card.domain.decision import Decision, Grant
from card.domain.identity import mask_name
from terminal.post import Post
from terminal.scenes.chip import ChipPresented
from terminal.scenes.kiosk import KioskErrand
from terminal.screen import Screen, Tone, screen
from terminal.tap import Acted

ACTIONS = ("read", "loss", "handover")


class CounterErrand(KioskErrand):
    """As the kiosk's, without its rule: whoever stands at the counter is judged by the clerk and the server."""

    def __init__(self, post: Post, read: Callable[[], ChipPresented], action: str) -> None:
        if action not in ACTIONS:
            raise ValueError(f"a counter does {', '.join(ACTIONS)}")
        super().__init__(post, read, "counter", action)

    @property
    def proven(self) -> bool:
        """Whether the chip proved itself in this reading."""
        return self.verified is not None

    def decide(self, presented: ChipPresented, verified: VerifiedCredential) -> Decision:
        """The chip is ours: the clerk goes on."""
        return Grant(price_class="counter")

    def screen(self, presented: ChipPresented, decision: Grant, acted: Acted) -> Screen:
        """Name masked; a listed card is named so."""
        shown = screen("S-COUNTER-READ", Tone.GO, name=mask_name(presented.proof.snapshot.name))
        if self.verified is None or not self._post.hotlisted(self.verified):
            return shown
        listed = screen("D-HOTLISTED", Tone.STAFF)
        return Screen(shown.code, shown.zh, shown.en, Tone.STAFF, ((listed.zh, listed.en), *shown.lines))
