"""A terminal that is not ours: pyscard and the command bytes of the standard's pages, nothing of this project.

    raw_client.py READER PIN

Reads the eleven fields' sources, proves the PIN, reads behind it, and looks at the purse; prints JSON.
"""

import json
import sys

from smartcard.CardConnection import CardConnection
from smartcard.System import readers

SSSE = "7378312E73682EC9E7BBE1B1A3D5CF"
PURSE = "A000000632010105"
EF05 = {"card_id": 1, "class": 2, "version": 3, "organisation": 4, "issued": 5, "valid_to": 6, "card_no": 7}
EF06 = {"citizen_no": 0x08, "name": 0x09, "sex": 0x0A, "nation": 0x0B, "birth_place": 0x0C, "birth_date": 0x0D}


def main(name: str, pin: str) -> None:
    """One conversation, T=0 by hand: 61xx is fetched, 6Cxx is asked again."""
    line = next(reader for reader in readers() if str(reader) == name).createConnection()
    line.connect(CardConnection.T0_protocol)

    def say(text: str) -> tuple[bytes, str]:
        command = list(bytes.fromhex(text))
        data, first, second = line.transmit(command)
        if first == 0x6C:
            data, first, second = line.transmit([*command[:4], second])
        while first == 0x61:
            more, first, second = line.transmit([0x00, 0xC0, 0x00, 0x00, second])
            data += more
        return bytes(data), f"{first:02X}{second:02X}"

    def records(sfi: int, tags: dict[str, int]) -> dict[str, str]:
        read = {field: say(f"00B2{tag:02X}{sfi << 3:02X}00")[0] for field, tag in tags.items()}
        assert all(value[1] == len(value) - 2 for value in read.values()), "a record is tag, length, value"
        return {field: value[2:].hex().upper() for field, value in read.items()}

    answers = {"atr": bytes(line.getATR()).hex().upper(), "ssse": say(f"00A404000F{SSSE}")[1]}
    fields = {**records(5, EF05), **records(6, EF06)}
    answers["tries"] = say("00200000")[1]
    answers["wrong"] = say("0020000003000000")[1]
    answers["right"] = say(f"0020000003{pin}")[1]
    answers["df01"] = say("00A4000002DF01")[1]
    answers["address"] = say("00B2212800")[0][2:].rstrip(b"\0").decode("gbk")
    answers["challenge"] = str(len(say("0084000008")[0]))
    answers["unknown"] = say("00FE0000")[1]
    fci, answers["purse"] = say(f"00A4040008{PURSE}")
    balance, answers["balance"] = say("805C000204")
    begun, answers["init"] = say("805003020B0100000000000000000001")
    answers["log"] = say("00B201C400")[1]
    line.disconnect()
    money = {"fci": fci.hex().upper(), "balance": balance.hex().upper(), "begun": len(begun)}
    print(json.dumps({"fields": fields, "answers": answers, "money": money}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
