"""A relay board over Modbus RTU: the far end of a serial line, served by pymodbus in a thread of its own."""

import asyncio
import threading
from collections.abc import Sequence

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_sim.errors import SimError
from firmware_sim.serial_line import Cable

BAUD = 9_600
WRITE_COIL = 5
START_TIMEOUT_S = 5.0


class GateSilentError(SimError):
    """The relay board did not come up."""

    code = "E-SIM-GATE"


class SimGate:
    """One board with `coils` relays. `port` is the tty a terminal opens; `moves` records (coil, on) as they happen."""

    def __init__(self, *, unit: int = 1, coils: int = 8) -> None:
        self._cable = Cable()
        self._unit = unit
        self._coils = coils
        self.moves: list[tuple[int, bool]] = []
        self.jammed = False
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._server: ModbusSerialServer | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        if not self._up.wait(START_TIMEOUT_S):
            raise GateSilentError("no answer")

    @property
    def port(self) -> str:
        return self._cable.near

    def is_on(self, coil: int = 0) -> bool:
        """The relay as the last obeyed command left it."""
        return next((on for which, on in reversed(self.moves) if which == coil), False)

    def close(self) -> None:
        """Take the board off the line."""
        if self._server is not None:
            ending = self._server.shutdown()  # type: ignore[no-untyped-call]
            asyncio.run_coroutine_threadsafe(ending, self._loop).result(START_TIMEOUT_S)
        self._thread.join(START_TIMEOUT_S)
        self._cable.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())
        self._loop.close()

    async def _run(self) -> None:
        blank = [SimData(0, count=1, values=0, datatype=DataType.REGISTERS)]
        coils = [SimData(0, count=self._coils, values=False, datatype=DataType.BITS)]
        device = SimDevice(self._unit, (coils, coils, blank, blank), action=self._watch)
        self._server = ModbusSerialServer(
            device, framer=FramerType.RTU, port=self._cable.far, baudrate=BAUD, ignore_missing_devices=True
        )
        await self._server.serve_forever(background=True)
        self._up.set()
        await self._server.serving

    async def _watch(
        self,
        function: int,
        _start: int,
        address: int,
        _count: int,
        _registers: list[int],
        values: Sequence[int] | Sequence[bool] | None,
    ) -> ExcCodes | None:
        """Called before a request takes effect, and again without `values` when its answer is read back.

        A jammed board answers with a device failure.
        """
        if function != WRITE_COIL or values is None:
            return None
        if self.jammed:
            return ExcCodes.DEVICE_FAILURE
        self.moves.append((address, bool(values[0])))
        return None
