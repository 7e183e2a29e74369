"""A bank terminal of others, the `emv` package as it is, reads the debit application; prints JSON.

    bank_terminal.py READER

Directory, application, GET PROCESSING OPTIONS, the records its answer names, counters by GET DATA: all in the package's
own code. Its command `emvtool info` gets as far as the card number, which it expects in sixteen digits and no more.
"""

import json
import sys

from emv.card import Card
from emv.protocol.data import Tag, render_element
from smartcard.CardConnection import CardConnection
from smartcard.CardConnectionDecorator import CardConnectionDecorator
from smartcard.System import readers

# The pyscard of that package's day had the protocols' numbers on every connection.
CardConnectionDecorator.T0_protocol = CardConnection.T0_protocol


def main(name: str) -> None:
    """One reading."""
    card = Card(next(reader for reader in readers() if str(reader) == name).createConnection())
    applications = card.list_applications()
    first = applications[0]
    card.select_application(first[Tag.ADF_NAME])
    options = card.get_processing_options()
    data = card.get_application_data(options["AFL"])
    shown = {name: bytes(data[tag]).hex().upper() for name, tag in (("5A", Tag.PAN), ("57", Tag.TRACK2))}
    told = {
        "applications": len(applications),
        "label": render_element(Tag.APP_LABEL, first[Tag.APP_LABEL]),
        "aid": bytes(first[Tag.ADF_NAME]).hex().upper(),
        "aip": bytes(options["AIP"]).hex().upper(),
        "data": shown,
        "counters": card.get_metadata(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
