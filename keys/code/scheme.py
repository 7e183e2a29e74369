"""Parameters of the code family, read from scheme.toml: layout bytes, what a gate accepts, what our issuer writes."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from card.config import section

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CodeLayout:
    """Fixed bytes of code and issuer certificate."""

    version: int
    signature_tag: int
    epoch_s: int
    head: int
    service_id: str
    format: int
    signature_algorithm: int
    encryption_algorithm: int
    curve: int
    key_length: int
    account_pad: str


@dataclass(frozen=True, slots=True)
class CodePolicy:
    """What a verifier accepts. Seconds; account types of offset 154."""

    future_skew_s: int
    max_validity_s: int
    account_types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IssueTerms:
    """What our issuer writes into authorisations and into its certificate. Numbers in BCD digits, amounts in fen."""

    issuer_id: str
    card_issuer: str
    platform: str
    account_type: int
    single_limit_fen: int
    validity_s: int
    lifetime_s: int
    root_index: int
    certificate_serial: str
    certificate_expiry: str


@cache
def default_layout() -> CodeLayout:
    """Layout of this project's scheme."""
    return _table("layout", CodeLayout)


@cache
def default_policy() -> CodePolicy:
    """Gate limits unless a policy bundle says otherwise."""
    return _table("policy", CodePolicy)


@cache
def default_terms() -> IssueTerms:
    """Our test issuer's terms."""
    return _table("issue", IssueTerms)


def _table(name: str, kind: type[T]) -> T:
    return section(_document(), name, kind)


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads(files("keys.code").joinpath("scheme.toml").read_text("utf-8"))
