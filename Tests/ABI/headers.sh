#!/bin/sh
# hpm.h and hpm.hpp compile without a warning in every language version, with gcc and clang.
#   Tests/ABI/headers.sh [include folder]
root=$(cd "$(dirname "$0")/../.." && pwd)
include=${1:-$root/include}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0 failed=0

compiles() { # compiler, standard, source
    if "$1" -std="$2" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I "$include" "$3" \
        2>"$scratch/errors"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1 -std=$2 ${3##*/}"
        head -20 "$scratch/errors"
    fi
}

# Twice: the include guards. Nothing before them: the headers include what they need.
printf '#include <hpm.h>\n#include <hpm.h>\nint main(void) { return hpm_abi_version(); }\n' \
    >"$scratch/header.c"
cp "$scratch/header.c" "$scratch/header.cpp"
printf '#include <hpm.hpp>\n#include <hpm.hpp>\nint main() { hpm::space space; }\n' \
    >"$scratch/wrapper.cpp"

for compiler in gcc clang; do
    for standard in c99 c11 c17; do compiles "$compiler" "$standard" "$scratch/header.c"; done
done
for compiler in g++ clang++; do
    for standard in c++17 c++20; do
        compiles "$compiler" "$standard" "$scratch/header.cpp"
        compiles "$compiler" "$standard" "$scratch/wrapper.cpp"
        # The test of the wrapper instantiates all of it.
        compiles "$compiler" "$standard" "$root/Tests/Clients/wrapper.cpp"
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
