"""A relay board over Modbus RTU (the only file of this floor that imports pymodbus).

Function 05 writes a coil: FF00 on, 0000 off; function 01 reads it back (qr-and-acceptance §6.2, A). The relay is on
while the barrier is held open; a board that latches is shut again by us.
"""

import threading
from collections.abc import Callable

from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient
from pymodbus.pdu import ModbusPDU

from terminal.errors import BarrierError

DEFAULT_BAUD = 9600
DEFAULT_TIMEOUT_S = 0.5
RETRIES = 1


class ModbusLine:
    """One serial line with relay boards on it. The client is not thread-safe, so requests take turns."""

    def __init__(self, port: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """`port` is a tty path; it is opened by the first request."""
        self._client = ModbusSerialClient(
            port, framer=FramerType.RTU, baudrate=DEFAULT_BAUD, timeout=timeout_s, retries=RETRIES
        )
        self._turn = threading.Lock()

    def write_coil(self, unit: int, coil: int, on: bool) -> None:
        """Function 05. BarrierError when the board did not echo the command."""
        self._request(lambda: self._client.write_coil(coil, on, device_id=unit))

    def read_coil(self, unit: int, coil: int) -> bool:
        """Function 01."""
        return bool(self._request(lambda: self._client.read_coils(coil, count=1, device_id=unit)).bits[0])

    def close(self) -> None:
        """Let the line go."""
        with self._turn:
            self._client.close()  # type: ignore[no-untyped-call]

    def _request(self, ask: Callable[[], ModbusPDU]) -> ModbusPDU:
        with self._turn:
            if not self._client.connected and not self._client.connect():
                raise BarrierError("the relay's line cannot be opened")
            try:
                answer = ask()
            except ModbusException as bad:
                raise BarrierError(str(bad)) from bad
        if answer.isError():
            raise BarrierError(f"the relay refused: exception {answer.exception_code}")
        return answer


class ModbusRelay:
    """Implements `Barrier` on one coil of one board; `unit` 1..247, `coil` from 0."""

    def __init__(self, line: ModbusLine, *, unit: int = 1, coil: int = 0) -> None:
        self._line = line
        self._unit = unit
        self._coil = coil

    def open(self) -> None:
        """Relay on."""
        self._line.write_coil(self._unit, self._coil, True)

    def shut(self) -> None:
        """Relay off."""
        self._line.write_coil(self._unit, self._coil, False)

    def is_open(self) -> bool:
        """Read the coil back."""
        return self._line.read_coil(self._unit, self._coil)
