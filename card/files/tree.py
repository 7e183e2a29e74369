"""The tree of a chip: a list of profiles seen as one, files and fields found by name or path."""

from dataclasses import dataclass

from card.errors import ProfileError
from card.files.kinds import AnyEf, Dir, Field, KeySpec, RecordEf, RecordField
from card.files.profile import Profile, load_profile
from card.text_codec import Edition


@dataclass(frozen=True, slots=True)
class Found:
    """A field by name: where it stands, and the edition its text is written in."""

    profile: Profile
    file: AnyEf
    field: Field


class FileTree:
    """All directories, files and keys of the profiles of one chip.

    A directory or key that two profiles declare (the MF, its master key) must be declared the same; ProfileError else.
    """

    def __init__(self, profiles: tuple[Profile, ...]) -> None:
        self.profiles = profiles
        self._dirs: dict[str, Dir] = {}
        self._keys: dict[str, KeySpec] = {}
        for profile in profiles:
            for directory in profile.dirs:
                if self._dirs.setdefault(directory.name, directory) != directory:
                    raise ProfileError(f"directory {directory.name} is declared in two ways")
            for key in profile.keys:
                if self._keys.setdefault(key.name, key) != key and key.card_kid is not None:
                    raise ProfileError(f"key {key.name} is declared in two ways")

    @classmethod
    def of(cls, *names: str) -> "FileTree":
        """The tree of a chip with these built-in profiles."""
        return cls(tuple(load_profile(name) for name in names))

    @property
    def dirs(self) -> tuple[Dir, ...]:
        """Parents before children, as declared."""
        return tuple(self._dirs.values())

    @property
    def keys(self) -> tuple[KeySpec, ...]:
        return tuple(self._keys.values())

    def files_of(self, dir_name: str) -> tuple[AnyEf, ...]:
        """Files of a directory over all profiles, each once."""
        found: dict[bytes, AnyEf] = {}
        for profile in self.profiles:
            for ef in profile.files_of(dir_name):
                found.setdefault(ef.fid, ef)
        return tuple(found.values())

    def profile_of(self, dir_name: str) -> Profile:
        """The profile that declares a directory: the first, where several do. ProfileError when none does."""
        for profile in self.profiles:
            if any(item.name == dir_name for item in profile.dirs):
                return profile
        raise ProfileError(f"no directory {dir_name} on this chip")

    def edition_of(self, ef: AnyEf) -> Edition:
        """Text edition of the profile that declares `ef`."""
        for profile in self.profiles:
            if ef in profile.files:
                return profile.text_codec
        raise ProfileError(f"{ef.path} is not of this chip")

    def find(self, name: str) -> Found:
        """A field by name (`sex`) or path (`SSSE/EF06/sex`). ProfileError when there is not exactly one."""
        path, _, wanted = name.rpartition("/")
        hits = [
            Found(profile, ef, item)
            for profile in self.profiles
            for ef in profile.files
            for item in fields_of(ef)
            if item.name == wanted and path in ("", ef.path)
        ]
        if len(hits) != 1:
            raise ProfileError(f"{len(hits)} fields are called {name!r}")
        return hits[0]


def fields_of(ef: AnyEf) -> tuple[Field, ...]:
    """Records of a record file, fields of the other kinds."""
    return ef.records if isinstance(ef, RecordEf) else ef.fields


def record_of(ef: AnyEf, name: str) -> RecordField:
    """A record by field name; ProfileError when the file has none of that name."""
    for item in fields_of(ef):
        if item.name == name and isinstance(item, RecordField):
            return item
    raise ProfileError(f"{ef.path} has no record {name!r}")
