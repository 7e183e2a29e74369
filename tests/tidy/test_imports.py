"""Importing any module of ours opens nothing: watched by the interpreter's own audit hook, in a process of its own."""

import subprocess
import sys
from pathlib import Path

from tests.tidy.tree import ROOT, package_files

# argv: root of the watched code, then module names. Prints one line per effect that code under the root caused.
WATCH = """
import importlib, os, sys, sysconfig
root, names = sys.argv[1], sys.argv[2:]
EVENTS = ("open", "socket.connect", "socket.bind", "subprocess.Popen", "sqlite3.connect", "os.mkdir", "os.putenv",
          "os.system", "shutil.rmtree", "os.remove", "ctypes.dlopen")
foreign = (sysconfig.get_path("stdlib"), sysconfig.get_path("platlib"), sysconfig.get_path("platstdlib"))
seen = []

def culprit():
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(foreign[1]):
            return None
        if name.startswith(root + os.sep):
            return f"{os.path.relpath(name, root)}:{frame.f_lineno}"
        if name.startswith("<frozen importlib"):
            return None
        frame = frame.f_back
    return None

def hook(event, args):
    if event in EVENTS:
        place = culprit()
        if place:
            seen.append(f"{place}: {event}{args[:1]}")

sys.path.insert(0, root)
sys.addaudithook(hook)
for name in names:
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        missing = (getattr(error, "name", "") or "").partition(".")[0]
        if missing in ("smartcard", "pyzbar", "gmalglib") or "zbar" in str(error):
            continue  # may be absent on this machine
        seen.append(f"{name}: {error}")
print("\\n".join(sorted(set(seen))))
"""


def effects(root: Path, modules: list[str]) -> str:
    command = [sys.executable, "-c", WATCH, str(root), *modules]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_a_module_opens_nothing() -> None:
    modules = [
        source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for source in package_files()
        if "/migrations/" not in source.path and source.name != "__main__.py"
    ]
    found = effects(ROOT, modules)
    assert not found, "\n" + found


def test_the_watch_sees_an_effect(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text("DATA = open('/dev/null').read()\n", "utf-8")
    (tmp_path / "quiet.py").write_text("import json\nDATA = json.dumps([])\n", "utf-8")
    assert effects(tmp_path, ["loud"]).startswith("loud.py:1: open")
    assert not effects(tmp_path, ["quiet"])
