"""What a ceremony leaves for the registry and the store: rows with check values, sealed entries, who holds which part.

One canonical JSON file. Nothing in it is secret: a sealed entry opens with the parts only. Its SM3 stands in the
transcript before the closing line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from card.domain.event import canonical
from keys import tree
from keys.algorithms import aes_wrap
from keys.algorithms.sm3 import sm3
from keys.ceremony.errors import CheckValueError, PlanError, RehearsalError
from keys.ceremony.plan import Plan, PlannedKey, Scheme
from keys.ceremony.transcript import MARK
from keys.hsm import KeyFacts, SecretKey
from keys.hsm_software import PRODUCTION

FORMAT: Final = 1
KCV_RULES: Final = {"3des": "ECB of zeros", "sm4": "ECB of zeros", "aes": "CMAC of zeros"}
SEALING: Final = "AES-KW"


@dataclass(frozen=True, slots=True)
class Artefact:
    """A read artefact: `document` as in the file."""

    document: Mapping[str, Any]

    @property
    def ceremony(self) -> str:
        return str(self.document["ceremony"])

    @property
    def rehearsal(self) -> bool:
        return str(self.document["mode"]) != PRODUCTION

    @property
    def scheme(self) -> Scheme:
        return Scheme(**self.document["scheme"])

    @property
    def keys(self) -> Sequence[Mapping[str, Any]]:
        return list(self.document["keys"])

    def facts(self) -> list[KeyFacts]:
        """The rows as the registry takes them."""
        return [_facts(row) for row in self.keys]

    def accept(self, profile: str) -> list[KeyFacts]:
        """`facts` for an installation of `profile`; RehearsalError when rehearsal and production would meet."""
        if self.rehearsal is (profile == PRODUCTION):
            mode = "a rehearsal" if self.rehearsal else "production"
            raise RehearsalError(f"{self.ceremony} is {mode}, this installation is {profile}")
        return self.facts()


def file_name(ceremony: str, rehearsal: bool, ending: str) -> str:
    """`HN-1.REHEARSAL.ending` or `HN-1.ending`."""
    return f"{ceremony}.{MARK}.{ending}" if rehearsal else f"{ceremony}.{ending}"


def build(plan: Plan, keys: Mapping[str, SecretKey], parts: Mapping[str, list[dict[str, Any]]]) -> bytes:
    """The file's bytes. `parts`: label -> who holds what, for keys given out."""
    document: dict[str, Any] = {
        "artefact": FORMAT,
        "ceremony": plan.head.id,
        "mode": plan.head.mode,
        "plan": plan.digest.hex(),
        "scheme": {"kind": plan.scheme.kind, "parts": plan.scheme.parts, "need": plan.scheme.need},
        "keys": [_row(plan, key, keys, parts) for key in plan.keys],
    }
    return canonical(document | ({"mark": MARK} if plan.rehearsal else {})) + b"\n"


def read_artefact(path: Path, digest: str) -> Artefact:
    """PlanError when the file is not the one whose SM3 is `digest` (hex)."""
    try:
        raw = path.read_bytes()
    except OSError as bad:
        raise PlanError(f"{path}: {bad.strerror}") from bad
    if sm3(raw).hex() != digest:
        raise PlanError(f"{path} is not the artefact that the transcript names")
    return Artefact(json.loads(raw))


def open_sealed(row: Mapping[str, Any], kek: SecretKey) -> SecretKey:
    """The key of a sealed row. SignatureError, CheckValueError."""
    key = SecretKey(
        aes_wrap.unwrap(kek.reveal(), bytes.fromhex(row["sealed"]["value"])),
        label=row["label"],
        algorithm=row["algorithm"],
    )
    check_kcv(row, key)
    return key


def check_kcv(row: Mapping[str, Any], key: SecretKey) -> None:
    """CheckValueError unless `key` has the check value and length of its row."""
    if key.kcv.hex() != row["kcv"] or len(key.reveal()) != row["bytes"]:
        raise CheckValueError(f"{row['label']}: {key.kcv.hex()}, the ceremony says {row['kcv']}")


def _row(
    plan: Plan, key: PlannedKey, keys: Mapping[str, SecretKey], parts: Mapping[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    entry = tree.entries().get(key.label)
    row: dict[str, Any] = {
        "label": key.label,
        "version": key.version,
        "algorithm": key.algorithm,
        "bytes": key.bytes,
        "usage": key.usage,
        "family": entry.family if entry else "store",
        "parent": entry.parent if entry else "",
        "leaves": entry.leaves if entry else "never",
        "custody": plan.head.custody,
        "state": "pre-active",
        "valid_from": key.valid_from.isoformat(),
        "valid_to": key.valid_to.isoformat(),
        "origin": plan.scheme.kind if key.out == "parts" else "generated",
        "kcv": keys[key.label].kcv.hex(),
        "kcv_rule": KCV_RULES[key.algorithm],
    }
    if key.out == "parts":
        return row | {"parts": parts[key.label]}
    value = aes_wrap.wrap(keys[key.under].reveal(), keys[key.label].reveal())
    return row | {"sealed": {"under": key.under, "method": SEALING, "value": value.hex()}}


def _facts(row: Mapping[str, Any]) -> KeyFacts:
    family = tree.families().get(row["family"])
    return KeyFacts(
        label=row["label"],
        version=row["version"],
        usage=row["usage"],
        algorithm=row["algorithm"],
        family=row["family"],
        levels=len(family.levels) if family else 0,
        kcv=bytes.fromhex(row["kcv"]),
        parent=row["parent"],
    )
