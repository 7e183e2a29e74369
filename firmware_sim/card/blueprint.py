"""A chip's fixed structure, looked up the way a chip does: by FID, AID, SFI, key type and key id."""

from collections.abc import Mapping
from functools import cache

from card.errors import ProfileError
from card.files.kinds import AnyEf, Dir, KeySpec, PurseEf
from card.files.profile import (
    AtrSpec,
    CosSpec,
    Crypto,
    PinSpec,
    Profile,
    assemble_profile,
    load_profile,
    overlay_texts,
    short_name,
)
from card.files.tree import FileTree

MF = "MF"


class Blueprint:
    """Directories, files and keys of the profiles of one chip."""

    def __init__(self, names: tuple[str, ...], overlays: Mapping[str, str]) -> None:
        tree = FileTree(tuple(assemble_profile(n, overlays) if "+" in n else load_profile(n) for n in names))
        self.names = names
        self.dirs = {directory.name: directory for directory in tree.dirs}
        self.files = {name: tree.files_of(name) for name in self.dirs}
        self.keys = tree.keys
        self._profiles = {
            name: next(p for p in tree.profiles if any(d.name == name for d in p.dirs)) for name in self.dirs
        }
        self._by_aid = {directory.aid: directory for directory in tree.dirs if directory.aid}
        self._by_fid = {directory.fid: directory for directory in tree.dirs}
        self._ef_by_fid = {(name, ef.fid): ef for name in self.dirs for ef in self.files[name]}
        self._ef_by_sfi = {(name, ef.sfi): ef for name in self.dirs for ef in self.files[name]}
        self._key_names = {(key.dir, key.type, key.card_kid): key for key in tree.keys}
        self.cos = _first([profile.cos for profile in tree.profiles], "cos", names)
        self.pin: PinSpec | None = next((p.pin for p in tree.profiles if p.pin), None)
        self.atr: AtrSpec | None = next((p.atr for p in tree.profiles if p.atr), None)

    def dir_by_aid(self, aid: bytes) -> Dir | None:
        """The application with this very AID."""
        return self._by_aid.get(aid)

    def dir_by_fid(self, fid: bytes) -> Dir | None:
        """FIDs of directories are unique on the chip."""
        return self._by_fid.get(fid)

    def ef_by_fid(self, directory: str, fid: bytes) -> AnyEf | None:
        """An elementary file of `directory`."""
        return self._ef_by_fid.get((directory, fid))

    def ef_by_sfi(self, directory: str, sfi: int) -> AnyEf | None:
        """An elementary file of `directory` by its short identifier."""
        return self._ef_by_sfi.get((directory, sfi))

    def lineage(self, directory: str) -> list[str]:
        """`directory` and its ancestors, nearest first."""
        line = [directory]
        while parent := self.dirs[line[-1]].parent:
            line.append(parent)
        return line

    def key(self, directory: str, kind: int, kid: int) -> KeySpec | None:
        """A declared key by place, type code and key id."""
        return self._key_names.get((directory, kind, kid))

    def profile(self, directory: str) -> Profile:
        """The profile that declares `directory` (the first, where several do)."""
        return self._profiles[directory]

    def crypto(self, directory: str) -> Crypto:
        """Algorithm facts of the profile that declares `directory`."""
        return self._profiles[directory].crypto

    def purse(self, directory: str) -> PurseEf | None:
        """The purse facts when `directory` is the purse application."""
        purse = self._profiles[directory].purse
        return purse if purse is not None and purse.dir == directory else None


def _first(found: list[CosSpec | None], what: str, names: tuple[str, ...]) -> CosSpec:
    for item in found:
        if item is not None:
            return item
    raise ProfileError(f"{'+'.join(names)} has no [{what}]")


@cache
def blueprint(names: tuple[str, ...], overlays: tuple[tuple[str, str], ...] = ()) -> Blueprint:
    """The blueprint of a chip with these profiles, built once. `overlays`: the texts the chip carries, by name."""
    known = {short: text for name in names for short, text in overlay_texts(name).items()} if not overlays else {}
    return Blueprint(tuple(map(short_name, names)), {**known, **dict(overlays)})
