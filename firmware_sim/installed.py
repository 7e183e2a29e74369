"""Where programs and fonts are on this machine: the system's, else set-up's private copy under `.local/root`.

The PC/SC daemon and its driver are found by `firmware_sim.daemon.find_programs`.
"""

import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LOCAL_ROOT = CHECKOUT / ".local" / "root"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
POSTGRES_MAJOR_MIN = 15
FONT_FOLDERS = ("usr/share/fonts", "usr/local/share/fonts")
# Han faces by the packages that bring them: wqy-microhei, wqy-zenhei, noto-cjk, droid-fallback.
FONT_PATTERNS = ("wqy-*.ttc", "NotoSansCJK*.ttc", "NotoSansCJK*.otf", "DroidSansFallback*.ttf", "*cjk*.ttf")


def find_program(name: str, local_root: Path = LOCAL_ROOT) -> Path | None:
    """The program `name` from the search path, the system folders or the private copy."""
    found = shutil.which(name)
    if found:
        return Path(found)
    folders = (Path("/usr/sbin"), local_root / "usr/bin", local_root / "usr/sbin")
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def find_chromium(local_root: Path = LOCAL_ROOT) -> Path | None:
    """A Chromium-like browser; of a private copy the program itself, since its start script names system paths."""
    private = local_root / "usr/lib/chromium/chromium"
    if private.is_file():
        return private
    found = (find_program(name, local_root) for name in CHROMIUM_NAMES)
    return next((path for path in found if path), None)


def find_postgres_bin(local_root: Path = LOCAL_ROOT) -> Path | None:
    """The folder with `initdb` and `pg_ctl` of the newest PostgreSQL that is new enough."""
    found: list[tuple[int, Path]] = []
    for root in (Path("/"), local_root):
        for folder in (root / "usr/lib/postgresql").glob("*/bin"):
            major = folder.parent.name
            if major.isdecimal() and int(major) >= POSTGRES_MAJOR_MIN and (folder / "initdb").exists():
                found.append((int(major), folder))
    return max(found)[1] if found else None


def find_cjk_font(roots: tuple[Path, ...] = (Path("/"), LOCAL_ROOT)) -> Path | None:
    """A font file with Chinese characters."""
    for root in roots:
        for folder in FONT_FOLDERS:
            for pattern in FONT_PATTERNS:
                fonts = sorted((root / folder).rglob(pattern))
                if fonts:
                    return fonts[0]
    return None
