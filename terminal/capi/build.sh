#!/bin/sh
# Builds the C library:  terminal/capi/build.sh [OUT] [linux|win32|win64|fuzz ...]   (default: build/capi, the first three)
# What has no compiler here is named in one line and left out; exit status 2 when nothing could be built.
set -u
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../build/capi}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- linux win32 win64
warn="-std=c11 -O2 -Wall -Wextra -Wpedantic -Werror"
parts="$here/ldt33.c $here/wire.c"
built=0

windows() { # name, compiler prefix
    mkdir -p "$out/$1" || return 1
    # shellcheck disable=SC2086
    "$2-gcc" $warn -shared -static-libgcc -s $parts "$here/platform_win32.c" "$here/ldt33.def" \
        -Wl,--enable-stdcall-fixup -o "$out/$1/ldt33.dll" -lws2_32 -ladvapi32 -lbcrypt &&
        # shellcheck disable=SC2086
        "$2-gcc" $warn -static-libgcc -s "$here/caller.c" -o "$out/$1/caller.exe"
}
linux() {
    mkdir -p "$out/linux" || return 1
    # shellcheck disable=SC2086
    gcc $warn -D_DEFAULT_SOURCE -fPIC -shared -fvisibility=hidden -Wl,-z,defs $parts "$here/platform_posix.c" -pthread -ldl \
        -o "$out/linux/libldt33.so" &&
        # shellcheck disable=SC2086
        gcc $warn -D_DEFAULT_SOURCE "$here/caller.c" -ldl -o "$out/linux/caller"
}

fuzz() {
    # shellcheck disable=SC2086
    mkdir -p "$out/fuzz" && gcc $warn -g -fsanitize=address,undefined -fno-sanitize-recover=all "$here/fuzz.c" \
        "$here/wire.c" -o "$out/fuzz/fuzz"
}

for target in "$@"; do
    case $target in
    linux | fuzz) need=gcc ;;
    win32) need=i686-w64-mingw32 ;;
    win64) need=x86_64-w64-mingw32 ;;
    *) echo "capi: no target $target" >&2; exit 64 ;;
    esac
    if ! command -v "$need" >/dev/null 2>&1 && ! command -v "$need-gcc" >/dev/null 2>&1; then
        echo "capi: degraded: no $need compiler, $target is not built (Debian: gcc-mingw-w64-i686 gcc-mingw-w64-x86-64, gcc)"
        continue
    fi
    case $target in
    linux | fuzz) "$target" || exit 1 ;;
    *) windows "$target" "$need" || exit 1 ;;
    esac
    built=1
    echo "capi: $out/$target"
done
[ "$built" = 1 ] || exit 2
