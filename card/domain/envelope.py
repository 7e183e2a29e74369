"""Bytes that are signed on the road between terminal and server: requests, batches, facts bundles (contract §2, §3)."""

from card.domain.event import canonical

REQUEST_TAG = "onecard-request-1"
BATCH_TAG = "onecard-batch-1"


def request_bytes(method: str, path: str, time_ms: int, nonce: str, body_hash: str) -> bytes:
    """What a device signs for a request: method, path with query, time (ms UTC), nonce (hex), SM3 of body (hex)."""
    return "\n".join((REQUEST_TAG, method.upper(), path, str(time_ms), nonce, body_hash)).encode()


def batch_bytes(terminal: str, epoch: str, first: int, last: int, chain: str) -> bytes:
    """What a device signs per upload: terminal, epoch, first and last sequence, hash of the last event (hex SM3)."""
    return "\n".join((BATCH_TAG, terminal, epoch, str(first), str(last), chain)).encode()


def facts_bytes(header: dict[str, object], entries: object) -> bytes:
    """What the facts key signs: canonical header and entries together."""
    return canonical({"header": header, "entries": entries})


def hotlist_message(medium: int, medium_id: bytes) -> bytes:
    """Input of the keyed hash of a hotlist entry: kind 1 byte ‖ id (contract §4)."""
    return bytes([medium]) + medium_id
