"""Our reader code, run as a program of its own against whatever card is in a reader, and what it read as JSON.

    own_reader.py READER

Its own process because the PC/SC library keeps the first daemon it talked to for ever.
"""

import json
import sys

from card.channel import standard
from card.readers.pcsc import PcscReader
from card.tlv import parse_ber

CAC_APPLETS = ("A0000000790100", "A0000000790101", "A0000000790102", "A000000116DB00", "A0000000790300")
STRANGERS = ("7378312E73682EC9E7BBE1B1A3D5CF", "A000000632010105", "A000000333010101")
PIECE = 200
TAGS, VALUES = 1, 2


def main(name: str) -> None:
    """ATR, applets that can be selected, the first certificate."""
    channel = standard(PcscReader(name).connect())
    try:

        def select(aid: str) -> bytes:
            return channel.transmit(bytes.fromhex("00A40400") + bytes((len(aid) // 2,)) + bytes.fromhex(aid) + b"\0")

        def buffer(kind: int, offset: int, length: int) -> bytes:
            """CAC READ BUFFER; little-endian lengths are the other side's custom."""
            answer = channel.transmit(b"\x80\x52" + offset.to_bytes(2, "big") + bytes((2, kind, length)))
            return answer[:-2] if answer[-2:] == b"\x90\x00" else b""

        found = {
            aid: [f"{item.tag:X}" for item in parse_ber(answer[:-2])[0].walk()]
            for aid in CAC_APPLETS
            if (answer := select(aid))[-2:] == b"\x90\x00"
        }
        refused = {aid: select(aid)[-2:].hex().upper() for aid in STRANGERS}
        select(CAC_APPLETS[0])
        size, values = int.from_bytes(buffer(VALUES, 0, 2), "little"), b""
        while len(values) < size and (piece := buffer(VALUES, 2 + len(values), min(PIECE, size - len(values)))):
            values += piece
        print(
            json.dumps({"atr": channel.atr.hex().upper(), "applets": found, "refused": refused, "values": values.hex()})
        )
    finally:
        channel.close()


if __name__ == "__main__":
    main(sys.argv[1])
