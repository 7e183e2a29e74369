"""What became of a ceremony, from its folder alone: closed with its artefact, or void and what to destroy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from keys.ceremony.artefact import Artefact, read_artefact
from keys.ceremony.errors import PlanError, VoidError
from keys.ceremony.holding import unfinished
from keys.ceremony.transcript import NAME, Record, closed, read_transcript, to_destroy


@dataclass(frozen=True, slots=True)
class Standing:
    """`artefact` and its path of a closed ceremony; a recovery has none. `destroy` of a void one."""

    records: tuple[Record, ...]
    closed: bool
    destroy: tuple[str, ...]
    artefact: Artefact | None = None
    path: Path | None = None

    @property
    def head(self) -> str:
        return str(self.records[-1]["hash"])


def standing(folder: Path) -> Standing:
    """Check the transcript, and the artefact against it. TranscriptError, PlanError.

    An artefact that its ceremony closed but did not get to name (the power went in between) gets its name here.
    """
    records = read_transcript(folder / NAME)
    if not closed(records):
        return Standing(records, False, tuple(to_destroy(records)))
    made = [record for record in records if record["what"] == "artefact"]
    if not made:
        return Standing(records, True, ())
    name, digest = folder / str(made[-1]["file"]), str(made[-1]["sm3"])
    if not name.exists() and unfinished(name).exists():
        read_artefact(unfinished(name), digest)
        unfinished(name).replace(name)
    return Standing(records, True, (), read_artefact(name, digest), name)


def artefact_of(folder: Path) -> Artefact:
    """The artefact of a closed ceremony. VoidError, and as `standing`."""
    found = standing(folder)
    if not found.closed:
        raise VoidError(f"{folder} has no closing line", found.destroy)
    if found.artefact is None:
        raise PlanError(f"{folder} is a recovery")
    return found.artefact
