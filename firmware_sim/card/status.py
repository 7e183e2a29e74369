"""Status words (card §2.4, keys-and-purse §1.3) and the one exception a handler raises."""

OK = 0x9000
MORE = 0x6100  # T=0: xx bytes waiting
SELECTED_BLOCKED = 0x6283
TRIES_LEFT = 0x63C0
MEMORY_FAILURE = 0x6581
WRONG_LENGTH = 0x6700
SM_NOT_SUPPORTED = 0x6882
NOT_ACCEPTED = 0x6901
WRONG_FILE_TYPE = 0x6981
SECURITY = 0x6982
BLOCKED = 0x6983
NO_CHALLENGE = 0x6984
CONDITIONS = 0x6985
NO_CURRENT_EF = 0x6986
SM_MISSING = 0x6987
SM_WRONG = 0x6988
BAD_DATA = 0x6A80
CARD_LOCKED = 0x6A81
FILE_NOT_FOUND = 0x6A82
RECORD_NOT_FOUND = 0x6A83
NO_SPACE = 0x6A84
BAD_P1P2 = 0x6A86
KEY_NOT_FOUND = 0x6A88
BAD_OFFSET = 0x6B00
EXACT_LENGTH = 0x6C00  # T=0: send again with Le = xx
UNKNOWN_INS = 0x6D00
UNKNOWN_CLA = 0x6E00
MAC_WRONG = 0x9302
PERMANENTLY_BLOCKED = 0x9303
NO_FUNDS = 0x9401
COUNTER_FULL = 0x9402
NO_SUCH_KEY_INDEX = 0x9403
NO_PROOF = 0x9406


class SwError(Exception):
    """The command ends with this status word and no data."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw
