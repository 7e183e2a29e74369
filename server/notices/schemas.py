"""Bodies of notices."""

from typing import Any, Literal

from server.http.forms import Answer, Count


class NoticeAnswer(Answer):
    position: Count
    kind: Literal["stay_receipt", "load_proof_wanted", "facts_wanted", "double_entry"]
    body: dict[str, Any]


class NoticesAnswer(Answer):
    notices: list[NoticeAnswer]
