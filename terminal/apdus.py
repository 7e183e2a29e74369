"""The commands of one tap by name and time, card and PSAM together, in the order they were sent."""

from dataclasses import replace

from card.traffic import Exchange, Trace
from terminal.tap import TapResult

MICROS = 1000


class TwoWires:
    """One trace fed by the card's and the module's channels."""

    def __init__(self) -> None:
        self.trace = Trace()

    def card(self, exchange: Exchange) -> None:
        """Sink for the card's channel."""
        self.trace(exchange)

    def psam(self, exchange: Exchange) -> None:
        """Sink for the module's channel."""
        self.trace(replace(exchange, name=f"PSAM {exchange.name}"))

    def into(self, result: TapResult) -> TapResult:
        """`result` with what went over the wires since `clear`."""
        apdus = tuple((exchange.name, exchange.micros / MICROS) for exchange in self.trace.exchanges)
        return replace(result, apdus=apdus)

    def clear(self) -> None:
        """A new tap begins."""
        self.trace.clear()
