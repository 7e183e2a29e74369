"""The uplink over HTTP (the only file of this floor that imports httpx). Every request is signed by the device key."""

import json
from collections.abc import Mapping

import httpx

from card.domain.clock import Clock, to_ms
from card.domain.entropy import Entropy
from card.domain.envelope import request_bytes
from keys.algorithms.sm2 import Sm2PrivateKey
from keys.algorithms.sm3 import sm3
from terminal.errors import LinkDownError, WireFormatError
from terminal.uplink import API, Reply, accepted

NONCE_BYTES = 16
DEFAULT_TIMEOUT_S = 10.0
# A batch of events is signed as a whole inside its body and is idempotent (contract §2).
SELF_SIGNED = frozenset({f"{API}/events:batch"})
GATEWAY_DOWN = frozenset({502, 503, 504})


class HttpUplink:
    """Implements `Uplink`. `client` carries base URL and transport; a test hands in one that stays in the process."""

    def __init__(
        self, client: httpx.Client, device_id: str, key: Sm2PrivateKey, clock: Clock, entropy: Entropy
    ) -> None:
        self._client = client
        self._device = device_id
        self._key = key
        self._clock = clock
        self._entropy = entropy

    @classmethod
    def to(
        cls,
        base_url: str,
        device_id: str,
        key: Sm2PrivateKey,
        clock: Clock,
        entropy: Entropy,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> "HttpUplink":
        """A line to `base_url` that waits `timeout_s` for an answer; environment proxies are not used."""
        client = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False)
        return cls(client, device_id, key, clock, entropy)

    def exchange(self, method: str, path: str, body: Mapping[str, object] | None) -> Reply:
        """One signed request. LinkDownError when the server or its gateway cannot be reached."""
        answer = self._send(method, path, body)
        return Reply(answer.status_code, _object(answer.content))

    def download(self, path: str) -> bytes:
        """A signed GET of something that is not JSON. LinkDownError, ServerRefusedError."""
        answer = self._send("GET", path, None)
        if not answer.is_success:
            accepted(Reply(answer.status_code, _object(answer.content)), f"GET {path.partition('?')[0]}")
        return answer.content

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> httpx.Response:
        content = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Onecard-Device": self._device}
        if path.partition("?")[0] not in SELF_SIGNED:
            headers |= self._signature(method, path, content)
        try:
            answer = self._client.request(method, path, content=content or None, headers=headers)
        except httpx.TransportError as down:
            raise LinkDownError(type(down).__name__) from down
        if answer.status_code in GATEWAY_DOWN:
            raise LinkDownError(f"gateway answered {answer.status_code}")
        return answer

    def _signature(self, method: str, path: str, content: bytes) -> dict[str, str]:
        at = to_ms(self._clock.now())
        nonce = self._entropy.token(NONCE_BYTES).hex()
        message = request_bytes(method, path, at, nonce, sm3(content).hex())
        return {
            "Onecard-Time": str(at),
            "Onecard-Nonce": nonce,
            "Onecard-Signature": self._key.sign(message).hex(),
        }

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def _object(content: bytes) -> dict[str, object]:
    if not content:
        return {}
    try:
        data = json.loads(content)
    except ValueError as bad:
        raise WireFormatError("answer is not JSON") from bad
    if not isinstance(data, dict):
        raise WireFormatError("answer is not a JSON object")
    return data
