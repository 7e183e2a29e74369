"""The ATR that a PC/SC reader makes up for a contactless card (PC/SC part 3, 3.1.3.2.3.1)."""

_TA, _TB, _TC = 0x10, 0x20, 0x40  # which interface bytes follow T0 in an ATS (ISO/IEC 14443-4 §5.2.3)
HISTORICAL_MAX = 15


def historical_of_ats(ats: bytes) -> bytes:
    """Historical bytes of an ATS (TL T0 [TA] [TB] [TC] T1..Tk). ValueError when its length byte disagrees."""
    if not ats or ats[0] != len(ats):
        raise ValueError("TL is not the length of the ATS")
    if len(ats) == 1:
        return b""
    return ats[2 + sum(bool(ats[1] & bit) for bit in (_TA, _TB, _TC)) :]


def pseudo_atr(ats: bytes) -> bytes:
    """3B 8n 80 01 || historical bytes || TCK; n is their number. ValueError with more than 15 of them."""
    historical = historical_of_ats(ats)
    if len(historical) > HISTORICAL_MAX:
        raise ValueError("an ATR holds fifteen historical bytes")
    body = bytes((0x80 | len(historical), 0x80, 0x01)) + historical
    check = 0
    for byte in body:
        check ^= byte
    return b"\x3b" + body + bytes((check,))
