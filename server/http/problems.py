"""Domain errors become HTTP problems (RFC 9457) here and nowhere else; texts come from the catalogue by code."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from card.texts import TextMissingError, text
from keys.errors import KeysError
from server.errors import ServerError

PROBLEM_TYPE: Final = "application/problem+json"

# Status of a code; whatever is not named here is 409 (the answer is no) for the server's own errors.
STATUS: Final[Mapping[str, int]] = {
    "E-REQUEST": 422,
    "E-REQUEST-UNSIGNED": 401,
    "E-REQUEST-SIGNATURE": 401,
    "E-REQUEST-TIME": 401,
    "E-REQUEST-REPLAYED": 401,
    "E-DEVICE-UNKNOWN": 401,
    "E-DEVICE-KIND": 403,
    "E-ENROL-CODE": 403,
    "E-BATCH": 422,
    "E-BATCH-SIGNATURE": 401,
    "E-BATCH-SIZE": 413,
    "E-EVENT-FORMAT": 422,
    "E-NOT-FOUND": 404,
    "E-CARD-UNKNOWN": 404,
    "E-PURSE-UNKNOWN": 404,
    "E-LOAD-UNKNOWN": 404,
    "E-UNLOAD-UNKNOWN": 404,
    "E-FACTS-NONE": 404,
    "E-BENEFIT-NOT-FOUND": 404,
    "E-DEATH-UNKNOWN": 404,
    "E-LOAD-MAC1": 422,
    "E-TAC": 422,
    "E-SIGNATURE": 401,
    "E-ID-FMT": 422,
    "E-POLICE-DOWN": 503,
    "E-NO-ISSUANCE": 503,
}
NOT_NAMED: Final = 409


def problem(code: str, detail: str, status: int) -> JSONResponse:
    """One problem document in both languages. `detail` names ids and fields only."""
    return JSONResponse(problem_body(code, detail, status), status_code=status, media_type=PROBLEM_TYPE)


def problem_body(code: str, detail: str, status: int) -> dict[str, object]:
    """The members of RFC 9457 and ours. A code without a text is our fault and still answers."""
    try:
        zh, en = text(code, "zh"), text(code, "en")
    except TextMissingError:
        zh = en = None  # type: ignore[assignment]
    return {
        "type": f"urn:onecard:problem:{code}",
        "title": en.message if en else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "message_zh": zh.message if zh else "",
        "message_en": en.message if en else "",
        "next_step_zh": zh.next_step if zh else "",
        "next_step_en": en.next_step if en else "",
    }


def install(app: FastAPI, *error_roots: type[Exception]) -> None:
    """Register the table on `app`; `error_roots` are further trees whose classes carry a `code`."""
    for root in (ServerError, KeysError, *error_roots):
        app.add_exception_handler(root, _coded)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _plain)


async def _coded(_request: Request, error: Exception) -> JSONResponse:
    code = str(getattr(error, "code", "E-SERVER"))
    return problem(code, str(getattr(error, "detail", "")), STATUS.get(code, NOT_NAMED))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    # The offending values stay out: they may be citizen numbers.
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    fields = sorted({".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]) for fault in faults})
    return problem("E-REQUEST", "fields: " + ", ".join(fields), STATUS["E-REQUEST"])


async def _plain(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem("E-NOT-FOUND" if status == HTTPStatus.NOT_FOUND else "E-REQUEST", "", status)
