"""Bodies of purse loads."""

from typing import Annotated, Literal

from pydantic import Field

from server.http.forms import Amount, Answer, Form, Hex4, Hex6, Hex8, Hex16, Octet, Sequence16


class LoadForm(Form):
    """The card's 8050 00 answer. Idempotency key: `asn` + `online_seq` + `card_random`."""

    asn: Hex8
    issuer: Hex8
    online_seq: Sequence16
    card_random: Hex4
    amount: Annotated[int, Field(gt=0, lt=1 << 31)]
    balance: Amount
    key_version: Octet
    algorithm: Octet
    mac1: Hex4
    terminal_no: Hex6
    terminal_time: Annotated[str, Field(max_length=20)] | int = ""
    funding: Literal["bank_account", "lost_card"] = "bank_account"


class LoadAnswer(Answer):
    """`date` YYYYMMDD and `time` hhmmss go into 8052 with `mac2`."""

    load_id: Hex16
    date: str
    time: str
    mac2: Hex4


class FinishForm(Form):
    """`tac` of 8052, or of the transaction proof; `not_credited` with the unmoved online sequence."""

    result: Literal["tac", "proof", "not_credited"]
    tac: Hex4 | Literal[""] = ""
    proof_mac: Hex4 | Literal[""] = ""
    balance_after: Annotated[int, Field(ge=-1, lt=1 << 31)] = -1
    online_seq_after: Annotated[int, Field(ge=-1, le=0xFFFF)] = -1


class FinishAnswer(Answer):
    state: Literal["posted", "voided", "uncertain"]


class UnloadForm(Form):
    """The card's 8050 05 answer, and the purse of the same person that inherits. Amount 0 only proves the sequence."""

    asn: Hex8
    issuer: Hex8
    heir: Hex8
    online_seq: Sequence16
    card_random: Hex4
    amount: Amount
    balance: Amount
    key_version: Octet
    algorithm: Octet
    mac1: Hex4
    terminal_no: Hex6


class UnloadAnswer(Answer):
    """`date` YYYYMMDD and `time` hhmmss go into 8054 03 with `mac2`."""

    unload_id: Hex16
    date: str
    time: str
    mac2: Hex4


class UnloadEndForm(Form):
    """`mac3` of 8054 03 or of the transaction proof; "" with the online sequence the card shows now."""

    mac3: Hex4 | Literal[""] = ""
    online_seq_after: Annotated[int, Field(ge=-1, le=0xFFFF)] = -1


class CreditForm(Form):
    asn: Hex8


class CreditAnswer(Answer):
    """What waits for this purse from its lost predecessor: load it with `funding` "lost_card"."""

    asn: Hex8
    amount: Amount
