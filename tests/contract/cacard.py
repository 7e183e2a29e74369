"""A card written by others, put into a reader: libcacard's emulated card behind the vpcd reader driver.

    cacard.py PORT DATABASE

A program of its own that uses none of our code: the standard library, and libcacard through ctypes. The card is
libcacard's with three certificates of the NSS database; PORT is where the reader driver listens. Each message, both
ways, is a 2-byte length and a body; one byte from the driver is a control: 0 off, 1 on, 2 reset, 4 asks for the ATR.
"""

import ctypes
import socket
import sys

ANSWER = 300
OFF, ON, RESET, ATR = 0, 1, 2, 4
NAMES = "user1,user2,user3"


class ForeignCard:
    """One emulated CAC card."""

    def __init__(self, database: str) -> None:
        self._library = ctypes.CDLL("libcacard.so.0")
        self._library.vcard_emul_options.restype = ctypes.c_void_p
        self._library.vcard_emul_init.argtypes = [ctypes.c_void_p]
        self._library.vreader_get_reader_by_name.restype = ctypes.c_void_p
        pointer, number = ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)
        self._library.vreader_power_on.argtypes = [ctypes.c_void_p, pointer, number]
        self._library.vreader_power_off.argtypes = [ctypes.c_void_p]
        self._library.vreader_xfr_bytes.argtypes = [ctypes.c_void_p, pointer, ctypes.c_int, pointer, number]
        wish = f'db="sql:{database}" use_hw=no soft=(,Foreign,CAC,,{NAMES})'
        if self._library.vcard_emul_init(self._library.vcard_emul_options(wish.encode())):
            raise SystemExit("libcacard does not start with this database")
        self._reader = self._library.vreader_get_reader_by_name(b"Foreign")
        if not self._reader:
            raise SystemExit("libcacard has no such reader")

    def power_on(self) -> bytes:
        """Answer to reset."""
        answer, length = ctypes.create_string_buffer(ANSWER), ctypes.c_int(ANSWER)
        self._library.vreader_power_on(self._reader, answer, ctypes.byref(length))
        return answer.raw[: length.value]

    def power_off(self) -> None:
        self._library.vreader_power_off(self._reader)

    def transmit(self, command: bytes) -> bytes:
        answer, length = ctypes.create_string_buffer(ANSWER), ctypes.c_int(ANSWER)
        self._library.vreader_xfr_bytes(self._reader, command, len(command), answer, ctypes.byref(length))
        return answer.raw[: length.value]


def take(line: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size:
        part = line.recv(size - len(got))
        if not part:
            raise SystemExit(0)
        got += part
    return got


def main(port: int, database: str) -> None:
    """Serve until the driver hangs up."""
    card = ForeignCard(database)
    atr = card.power_on()
    with socket.create_connection(("127.0.0.1", port)) as line:
        while True:
            body = take(line, int.from_bytes(take(line, 2), "big"))
            if len(body) > 1:
                answer = card.transmit(body)
            elif body[0] == ATR:
                answer = atr
            else:
                if body[0] in (OFF, RESET):
                    card.power_off()
                if body[0] in (ON, RESET):
                    atr = card.power_on()
                continue
            line.sendall(len(answer).to_bytes(2, "big") + answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
