"""Shapes on the wire that several routes share. Bytes are lower-case hex, times ms UTC, amounts fen."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

INT64 = (1 << 63) - 1


Hex4 = Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
Hex6 = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
Hex8 = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Hex16 = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Hex64 = Annotated[str, Field(pattern="^[0-9a-f]{128}$")]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.:-]+$")]
Text = Annotated[str, Field(max_length=200)]
Instant = Annotated[int, Field(ge=0, le=INT64)]
Amount = Annotated[int, Field(ge=0, lt=1 << 31)]
Count = Annotated[int, Field(ge=0, le=INT64)]
Sequence16 = Annotated[int, Field(ge=0, le=0xFFFF)]
Octet = Annotated[int, Field(ge=0, le=0xFF)]


class Form(BaseModel):
    """A request body: an unknown member is an error; nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Problem(BaseModel):
    """RFC 9457, in both languages."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message_zh: str
    message_en: str
    next_step_zh: str
    next_step_en: str
