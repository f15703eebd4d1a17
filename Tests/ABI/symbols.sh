#!/bin/sh
# What libhpm.so.0 exports, needs and weighs.
#   Tests/ABI/symbols.sh [library] [hpm.abi.json]
root=$(cd "$(dirname "$0")/../.." && pwd)
library=${1:-$root/lib/libhpm.so.0}
interface=${2:-$root/include/hpm.abi.json}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

expect() { # what, test ...
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
    fi
}

nm -D --defined-only "$library" | awk '{ print $NF }' | sed 's/@.*//' | sort >"$scratch/exported"
python3 -c 'import json, sys
for function in json.load(open(sys.argv[1]))["functions"]: print(function["name"])' \
    "$interface" | sort >"$scratch/described"
expect "exports beside hpm_*: $(grep -v '^hpm_' "$scratch/exported" | head -5 | tr '\n' ' ')" \
    test "$(grep -vc '^hpm_' "$scratch/exported")" = 0
diff "$scratch/exported" "$scratch/described" | grep '^[<>]' >"$scratch/difference"
expect "exports (<) that differ from hpm.abi.json (>): $(tr '\n' ' ' <"$scratch/difference")" \
    test ! -s "$scratch/difference"
expect "no functions at all" test -s "$scratch/exported"

ldd "$library" | awk '{ sub(".*/", "", $1); print $1 }' \
    | grep -Ev '^(linux-vdso|ld-linux.*|libc|libm|libgcc_s|libstdc\+\+)\.so' >"$scratch/foreign"
expect "needs $(tr '\n' ' ' <"$scratch/foreign")" test ! -s "$scratch/foreign"
expect "ldd says nothing of libc" sh -c 'ldd "$1" | grep -q "libc\.so"' sh "$library"

size=$(wc -c <"$library")
expect "$size bytes, not under 10 MB" test "$size" -lt 10000000
expect "not stripped: it has a .symtab" \
    sh -c '! readelf -SW "$1" | grep -q "\.symtab"' sh "$library"
expect "SONAME is not libhpm.so.0" \
    sh -c 'readelf -dW "$1" | grep SONAME | grep -qF "[libhpm.so.0]"' sh "$library"
expect "an executable stack" sh -c '! readelf -lW "$1" | grep GNU_STACK | grep -q E' sh "$library"
expect "can be unloaded, which its runtime and its thread state can not" \
    sh -c 'readelf -dW "$1" | grep -q NODELETE' sh "$library"
expect "text relocations" sh -c '! readelf -dW "$1" | grep -q TEXTREL' sh "$library"
expect "looks for libraries in a folder of the machine it was built on" \
    sh -c '! readelf -dW "$1" | grep -E "RPATH|RUNPATH" | grep -qF "[/"' sh "$library"

echo "$(wc -l <"$scratch/exported") functions, $size bytes"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
