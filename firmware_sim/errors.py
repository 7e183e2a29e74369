"""Errors of the simulated readers. Each class carries a stable `code`; texts in card/texts/*/firmware_sim.toml."""

from typing import ClassVar


class SimError(Exception):
    """Root of what goes wrong around simulated readers."""

    code: ClassVar[str] = "E-SIM"

    def __str__(self) -> str:
        detail = super().__str__()
        return f"{self.code}: {detail}" if detail else self.code


class DaemonNotInstalledError(SimError):
    """pcscd or the vpcd driver is not on this machine."""

    code = "E-SIM-NO-DAEMON"


class DaemonStartError(SimError):
    """The private daemon did not come up."""

    code = "E-SIM-START"


class NotIsolatedError(SimError):
    """The driver would listen on every network interface of this machine."""

    code = "E-SIM-OPEN-NETWORK"


class SlotError(SimError):
    """No slot of that name, or it is in the wrong state for the request."""

    code = "E-SIM-SLOT"


class ReaderSilentError(SimError):
    """A simulated reader did not see the card come or go in time."""

    code = "E-SIM-READER-SILENT"


class StandInRefusedError(SimError):
    """A simulated chip was asked to serve `profile = production`."""

    code = "E-SIM-PRODUCTION"
