"""A relay board over Modbus RTU (the only file of this floor that imports pymodbus).

Function 05 writes a coil: FF00 on, 0000 off; function 01 reads it back (qr-and-acceptance §6.2, A). The relay is on
while the barrier is held open; a board that latches is shut again by us.
"""

import threading

from pymodbus import FramerType, ModbusException
from pymodbus.client import ModbusSerialClient
from pymodbus.pdu import ModbusPDU

from terminal.errors import BarrierError

DEFAULT_BAUD = 9600
DEFAULT_TIMEOUT_S = 0.5
RETRIES = 1


class ModbusRelay:
    """Implements `Barrier` on one coil of one board. The client is not thread-safe, so calls take turns."""

    def __init__(self, port: str, *, unit: int = 1, coil: int = 0, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """`port` is a tty path; it is opened by the first call. `unit` 1..247, `coil` from 0."""
        self._client = ModbusSerialClient(
            port, framer=FramerType.RTU, baudrate=DEFAULT_BAUD, timeout=timeout_s, retries=RETRIES
        )
        self._unit = unit
        self._coil = coil
        self._turn = threading.Lock()

    def open(self) -> None:
        """Relay on. BarrierError when the board did not echo the command."""
        self._write(True)

    def shut(self) -> None:
        """Relay off."""
        self._write(False)

    def is_open(self) -> bool:
        """Read the coil back."""
        with self._turn:
            self._connect()
            try:
                answer = self._client.read_coils(self._coil, count=1, device_id=self._unit)
            except ModbusException as bad:
                raise BarrierError(str(bad)) from bad
            self._check(answer)
            return bool(answer.bits[0])

    def close(self) -> None:
        """Let the line go."""
        with self._turn:
            self._client.close()  # type: ignore[no-untyped-call]

    def _write(self, on: bool) -> None:
        with self._turn:
            self._connect()
            try:
                answer = self._client.write_coil(self._coil, on, device_id=self._unit)
            except ModbusException as bad:
                raise BarrierError(str(bad)) from bad
            self._check(answer)

    def _connect(self) -> None:
        if not self._client.connected and not self._client.connect():
            raise BarrierError("the relay's line cannot be opened")

    def _check(self, answer: ModbusPDU) -> None:
        if answer.isError():
            raise BarrierError(f"the relay refused: exception {answer.exception_code}")
