#!/bin/sh
# Makes this checkout ready:  .ci/setup.sh run|test [--if-needed]
#   run    what `onecard demo` needs: PC/SC daemon with the virtual reader driver, zbar, a Chinese font, the locked Python packages
#   test   all of that, and what the tests need besides: PostgreSQL, Chromium, the foreign tools, compilers for Windows and a
#          private Wine, the locked tools
# Idempotent. As root it asks apt-get; as an ordinary user it unpacks a private copy under .local/root; without apt-get it
# goes on with what is there. What could not be had is named in one line each; only a missing Python stops it (exit 2).
set -eu
cd "$(dirname "$0")/.."
root=$PWD
level=${1:-run}
if_needed=${2:-}
private=$root/.local/root
stamp=$root/.venv/onecard-setup
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 UV_NO_PROGRESS=1
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH

say() { printf 'setup: %s\n' "$*"; }
first() { for path in "$@"; do if [ -e "$path" ]; then printf '%s\n' "$path"; return 0; fi; done; return 1; }
program() { command -v "$1" >/dev/null 2>&1 || first "/usr/sbin/$1" "$private/usr/bin/$1" "$private/usr/sbin/$1" >/dev/null; }

# --- what is there -------------------------------------------------------------------------------------------------
have_daemon() { program pcscd; }
have_driver() { first "$private"/usr/lib/pcsc/drivers/serial/libifdvpcd.so* /usr/lib/pcsc/drivers/serial/libifdvpcd.so* >/dev/null; }
have_zbar() { first "$private"/usr/lib/*/libzbar.so.0 /usr/lib/*/libzbar.so.0 /usr/lib/libzbar.so.0 >/dev/null; }
reads_zbar() { (load_private_copy && .venv/bin/python -c 'import terminal.camera.zbar') >/dev/null 2>&1; }
have_font() {
    for folder in "$private/usr/share/fonts" /usr/share/fonts /usr/local/share/fonts "${HOME:-/nonexistent}/.fonts"; do
        [ -d "$folder" ] || continue
        [ -z "$(find "$folder" \( -iname 'wqy*.tt?' -o -iname '*cjk*.ot?' -o -iname '*cjk*.tt?' \) -print -quit)" ] || return 0
    done
    return 1
}
have_headers() {
    command -v gcc >/dev/null 2>&1 && first "$private/usr/include/PCSC/winscard.h" /usr/include/PCSC/winscard.h >/dev/null &&
        [ -e /usr/include/stdio.h ] && [ -e "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]
}
have_pyscard() { [ -x .venv/bin/python ] && (load_private_copy && .venv/bin/python -c 'import smartcard.System') >/dev/null 2>&1; }
have_postgres() { first "$private"/usr/lib/postgresql/*/bin/initdb /usr/lib/postgresql/*/bin/initdb >/dev/null; }
have_chromium() { program chromium && first "$private"/usr/lib/*/libatomic.so.1 /usr/lib/*/libatomic.so.1 >/dev/null; } # its driver needs libatomic
have_mingw() { program i686-w64-mingw32-gcc && program x86_64-w64-mingw32-gcc; }
have_loader() { [ -e /lib/ld-linux.so.2 ]; } # of 32-bit programs
have_wine() { command -v wine >/dev/null 2>&1 || [ -x .local/wine/wine ]; }
have_tools() { for tool in opensc-tool pcsc_scan scriptor hledger zbarimg sqlite3 openssl; do program "$tool" || return 1; done; }
have_cacard() { first "$private"/usr/lib/*/libcacard.so.0 /usr/lib/*/libcacard.so.0 >/dev/null && program certutil; }
have_emv() { [ -d .venv/foreign/emv ]; }

wanted_packages() {
    have_daemon || echo pcscd
    have_driver || echo vsmartcard-vpcd
    have_zbar || echo libzbar0
    have_font || echo fonts-wqy-microhei
    # pyscard has no wheel: root builds the pinned one, anybody else borrows Debian's ready-made module when there is no compiler.
    if ! have_pyscard && ! have_headers; then
        if [ "$(id -u)" = 0 ]; then echo gcc libc6-dev python3-dev libpcsclite-dev
        elif command -v gcc >/dev/null 2>&1; then echo libpcsclite1 libpcsclite-dev
        else echo libpcsclite1 python3-pyscard; fi
    fi
    [ "$level" = test ] || return 0
    have_postgres || echo postgresql
    have_chromium || echo chromium libatomic1
    have_cacard || echo libcacard0 libnss3-tools
    have_mingw || echo gcc-mingw-w64-i686-win32 gcc-mingw-w64-x86-64-win32
    have_wine || have_loader || [ "$(id -u)" != 0 ] || [ "$(uname -m)" != x86_64 ] || echo libc6-i386
    have_tools || echo opensc pcsc-tools hledger zbar-tools sqlite3 openssl
}

# --- system packages -----------------------------------------------------------------------------------------------
install_as_root() {
    apt-get update -q >>"$log" 2>&1 || say "apt-get update failed; trying with the lists that are there"
    # shellcheck disable=SC2086  # a list of package names
    apt-get install -y -q --no-install-recommends $1 >>"$log" 2>&1 && return 0
    for package in $1; do
        apt-get install -y -q --no-install-recommends "$package" >>"$log" 2>&1 || say "apt-get could not install $package"
    done
}

private_apt() {
    apt-get -o Debug::NoLocking=1 -o Dir::State::lists="$root/.local/apt/lists" -o Dir::Cache="$root/.local/apt/cache" "$@" 2>>"$log"
}

unpack_privately() {
    mkdir -p .local/apt/lists/partial .local/apt/cache/archives/partial .local/deb "$private"
    private_apt update -q >>"$log" || say "apt-get update failed; no private copy can be made"
    for package in $1; do # one at a time: what is not in the mirror does not take the rest with it
        closure=$(private_apt -s --no-install-recommends install "$package" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
        # shellcheck disable=SC2086
        (cd .local/deb && private_apt download ${closure:-$package}) >>"$log" || { say "apt-get could not download $package"; continue; }
    done
    for archive in .local/deb/*.deb; do
        [ ! -e "$archive" ] || dpkg -x "$archive" "$private"
    done
    for compiler in "$private"/usr/bin/*-mingw32-gcc-win32; do # what update-alternatives would have done
        [ ! -e "$compiler" ] || ln -sf "$compiler" "${compiler%-win32}"
    done
    rm -rf .local/deb .local/apt
}

system_packages() {
    list=$(wanted_packages | tr '\n' ' ' | sed 's/ *$//')
    [ -n "$list" ] || return 0
    command -v apt-get >/dev/null 2>&1 || return 0
    mkdir -p .local && log=$root/.local/apt.log && : >"$log"
    if [ "$(id -u)" = 0 ]; then say "apt-get: $list"; install_as_root "$list"
    else say "private copy under .local/root: $list"; unpack_privately "$list"; fi
}

# Programs and libraries of the private copy are found through this file, by make and by the onecard command.
write_environment() {
    [ -d "$private" ] || return 0
    libraries=$(find "$private/usr/lib" "$private/lib" -maxdepth 2 -type d \( -name '*-linux-gnu*' -o -name pulseaudio \) 2>/dev/null | tr '\n' ':')
    cat >.local/fonts.conf <<END
<fontconfig><dir>/usr/share/fonts</dir><dir>$private/usr/share/fonts</dir><cachedir>$root/.local/fontcache</cachedir></fontconfig>
END
    postgres=$(first "$private"/usr/lib/postgresql/*/bin || true)
    cat >.local/env.sh <<END
PATH="\$PATH:$private/usr/sbin:$private/usr/bin${postgres:+:$postgres}"
LD_LIBRARY_PATH="${libraries%:}\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
FONTCONFIG_FILE="\${FONTCONFIG_FILE:-$root/.local/fonts.conf}"
export PATH LD_LIBRARY_PATH FONTCONFIG_FILE
END
}
# shellcheck disable=SC1091
load_private_copy() { [ ! -e .local/env.sh ] || . ./.local/env.sh; }

# --- Windows programs ----------------------------------------------------------------------------------------------
# Four packages of Wine's 32-bit half (96 MB), unpacked under .local/wine for everybody: installing them would bring a
# second architecture and its libraries into the system. Their debug information goes, which leaves a fifth of them.
wine_apt() {
    apt-get -o APT::Architectures::=amd64 -o APT::Architectures::=i386 -o Debug::NoLocking=1 \
        -o Dir::State::lists="$root/.local/wine/apt/lists" -o Dir::Cache="$root/.local/wine/apt/cache" "$@" >>"$log" 2>&1
}

make_wine() {
    mkdir -p "$wine/apt/lists/partial" "$wine/apt/cache/archives/partial" "$wine/deb" "$wine/unpacked" || return 1
    wine_apt update || true # a mirror of other things may know no such architecture
    (cd "$wine/deb" && wine_apt download libwine:i386 wine32:i386 libgcc-s1:i386 libz-mingw-w64) || return 1
    for archive in "$wine"/deb/*.deb; do dpkg -x "$archive" "$wine/unpacked" || return 1; done
    mv "$wine/unpacked/usr/lib/wine/wineserver32" "$wine/unpacked/usr/lib/wine/wineserver" &&
        cp "$wine/unpacked/usr/i686-w64-mingw32/lib/zlib1.dll" "$wine/unpacked/$dlls/" || return 1
    i686-w64-mingw32-strip -S "$wine/unpacked/$dlls"/*.dll "$wine/unpacked/$dlls"/*.exe >>"$log" 2>&1 || true
    cat >"$wine/start" <<END
#!/bin/sh
LD_LIBRARY_PATH="$wine/unpacked/lib/i386-linux-gnu" WINEPREFIX="\${WINEPREFIX:-$wine/prefix}" WINEARCH=win32 DISPLAY=
WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="
export LD_LIBRARY_PATH WINEPREFIX WINEARCH DISPLAY WINEDEBUG WINEDLLOVERRIDES
exec "$wine/unpacked/usr/lib/wine/wine" "\$@"
END
    chmod +x "$wine/start"
    rm -rf "$wine/deb" "$wine/apt"
    # The first start makes the prefix.
    echo 'int main(void) { return 0; }' | i686-w64-mingw32-gcc -x c - -o "$wine/probe.exe" &&
        timeout 180 "$wine/start" "$wine/probe.exe" >>"$log" 2>&1 && mv "$wine/start" "$wine/wine"
}

unpack_wine() {
    ! have_wine || return 0
    { command -v apt-get >/dev/null 2>&1 && have_loader && have_mingw && [ "$(uname -m)" = x86_64 ]; } || return 0
    wine=$root/.local/wine dlls=usr/lib/i386-linux-gnu/wine/i386-windows log=$root/.local/apt.log
    mkdir -p .local
    say "private copy under .local/wine: wine32"
    make_wine || rm -rf "$wine"
}

# --- Python --------------------------------------------------------------------------------------------------------
choose_python() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then command -v "$candidate"; return 0; fi
    done
    say "Python 3.11 or newer is needed and was not found (Debian: apt-get install python3 python3-venv)" >&2
    return 1
}

make_venv() {
    [ ! -x .venv/bin/python ] || .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || rm -rf .venv
    [ -x .venv/bin/pip ] || "$python" -m venv .venv 2>/dev/null || {
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "apt-get: python3-venv"
            { apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv; } >/dev/null 2>&1 || true
        fi
        "$python" -m venv --clear .venv >/dev/null || { say "python3 -m venv failed (Debian: apt-get install python3-venv)" >&2; exit 2; }
    }
    [ -x .venv/bin/uv ] || .venv/bin/pip install -q --require-hashes -r requirements-uv.lock >.venv/setup.log 2>&1 ||
        say "uv is not to be had; pip does its work, slower"
}

python_packages() {
    lock=requirements.lock
    [ "$level" != test ] || lock=requirements-dev.lock
    if [ -x .venv/bin/uv ]; then VIRTUAL_ENV=$root/.venv .venv/bin/uv pip sync -q --require-hashes "$lock" >.venv/setup.log 2>&1 && return 0; fi
    .venv/bin/pip install -q --require-hashes -r "$lock" >>.venv/setup.log 2>&1 && return 0
    say "the locked Python packages could not be installed from $lock; the reasons are in .venv/setup.log" >&2
    exit 2
}

pyscard() {
    have_pyscard && return 0
    if have_headers; then
        CFLAGS="-I$private/usr/include/PCSC -I/usr/include/PCSC" .venv/bin/pip install -q --no-deps --require-hashes \
            -r requirements-pcsc.lock >.venv/pyscard.log 2>&1 && have_pyscard && return 0
    fi
    borrowed=$(first "$private/usr/lib/python3/dist-packages/smartcard" /usr/lib/python3/dist-packages/smartcard) || return 0
    cp -R "$borrowed" "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/"
    have_pyscard && say "pyscard: borrowed Debian's module" || true
}

# The second SM2 library; without it the system's OpenSSL must have SM2 (Debian's and Ubuntu's have).
second_sm2() {
    ! .venv/bin/python -c 'import gmalglib' 2>/dev/null && command -v gcc >/dev/null 2>&1 || return 0
    .venv/bin/pip install -q --no-deps --require-hashes -r requirements-sm2.lock >.venv/gmalglib.log 2>&1 || true
}
# A bank terminal written by others, in a folder of its own: it wants older packages than ours. pyscard is the one we have.
foreign_terminal() {
    [ "$level" = test ] && ! have_emv || return 0
    .venv/bin/pip install -q --no-deps --require-hashes --target .venv/foreign -r requirements-emv.lock >.venv/emv.log 2>&1 ||
        rm -rf .venv/foreign
}
have_sm2() {
    .venv/bin/python -c 'import gmalglib' 2>/dev/null ||
        .venv/bin/python -c 'import ctypes, sys; c = ctypes.CDLL("libcrypto.so.3"); sys.exit(not c.OBJ_sn2nid(b"SM2") or not c.EC_GROUP_new_by_curve_name(1172))' 2>/dev/null
}

write_command() {
    cat >.venv/bin/onecard <<'END'
#!/bin/sh
here=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
[ ! -e "$here/.local/env.sh" ] || . "$here/.local/env.sh"
exec "$here/.venv/bin/python" "$here/onecard.py" "$@"
END
    chmod +x .venv/bin/onecard
}

# --- report --------------------------------------------------------------------------------------------------------
degraded() { say "degraded: $*"; }
report() {
    { have_daemon && have_driver; } || degraded "no PC/SC daemon with the virtual reader driver: cards run in process only," \
        "onecard demo --transport direct (Debian: pcscd vsmartcard-vpcd)"
    have_pyscard || degraded "no pyscard: PC/SC readers cannot be used (Debian: gcc python3-dev libpcsclite-dev)"
    have_sm2 || degraded "no SM2 in the system's OpenSSL, no gmalglib: codes and devices cannot sign (Debian: libssl3 or gcc)"
    reads_zbar || degraded "no zbar: codes are read by zxing-cpp alone, without a second opinion (Debian: libzbar0)"
    have_font || degraded "no Chinese font: such characters become marked boxes on printed cards and pictures (Debian: fonts-wqy-microhei)"
    [ "$level" = test ] || return 0
    have_postgres || degraded "no PostgreSQL: its tests are skipped, SQLite is tested (Debian: postgresql)"
    have_chromium || degraded "no Chromium: the tests of pages are skipped (Debian: chromium libatomic1)"
    have_cacard || degraded "no card written by others: its tests are skipped (Debian: libcacard0 libnss3-tools)"
    have_emv || degraded "no bank terminal written by others: its test is skipped (the reason is in .venv/emv.log)"
    have_mingw || degraded "no compilers for Windows: the DLLs are not built, their tests are skipped" \
        "(Debian: gcc-mingw-w64-i686 gcc-mingw-w64-x86-64)"
    have_wine || degraded "no 32-bit Wine: the Windows program is not run, its Linux twin is (Debian: wine32 of architecture i386)"
    have_tools || degraded "foreign tools are missing, cross-checks by them are skipped (Debian: opensc pcsc-tools hledger zbar-tools sqlite3 openssl)"
}

fingerprint() { # the locks, the list of system packages, the Python
    { cat requirements*.lock && sed -n '/^wanted_packages/,/^}/p' .ci/setup.sh; } | sha256sum | cut -d' ' -f1
    "$python" -c 'import sys; print(sys.version)'
}
is_ready() { # a checkout set up for tests is also ready to run
    [ -x .venv/bin/onecard ] && for done in "$level" test; do
        if [ -e "$stamp.$done" ] && [ "$(fingerprint)" = "$(cat "$stamp.$done")" ]; then return 0; fi
    done && return 1
}

case $level in run | test) ;; *) say "usage: .ci/setup.sh run|test [--if-needed]" >&2; exit 64 ;; esac
python=$(choose_python) || exit 2
if is_ready; then
    [ -z "$if_needed" ] || exit 0
    [ ! -e "$stamp.test" ] || level=test
fi
load_private_copy
system_packages
write_environment
load_private_copy
[ "$level" != test ] || unpack_wine
make_venv
is_ready || { rm -f "$stamp".*; python_packages; }
pyscard
second_sm2
foreign_terminal
write_command
fingerprint >"$stamp.$level"
report
say "ready (.venv/bin/onecard --help)"
