#!/usr/bin/env bash
# Holds the shape of the house; prints TAP. run.sh SOURCE, with CC (the compiler's command) and LIBS (our
# static libraries) in the environment.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
: "${LIBS:?}"
n=0
bad=0

# result NAME WRONG: a case passes where nothing is WRONG.
result() {
    n=$((n + 1))
    if [ -z "$2" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        printf '%s: %s\n' "$1" "$2" >&2
        bad=1
    fi
}

rooms=(ingest model serve tools)
mapfile -t code < <(find "${rooms[@]}" -name '*.[ch]' | sort)
mapfile -t libraries_code < <(find ingest model serve -name '*.c' | sort)
# What people write; corpora and data are whatever bytes they need to be.
mapfile -t text < <(find "${rooms[@]}" tests configs meson.build README.md CHANGELOG.md .ci .github -type f \
    ! -path '*/corpus/*' ! -name '*.png' ! -name '*.nc' ! -name '*.grib*' ! -name '*.h5' ! -name '*.hdf' \
    2>/dev/null | sort)
mapfile -t scripts < <(grep -lE '^#!.*(ba)?sh$' "${text[@]}")

result "includes obey the table" "$(awk -f "$here/includes.awk" "$here/includes.tab" "${code[@]}")"

lonely() {
    local h cc
    read -ra cc <<<"${CC:-cc}"
    for h in "${code[@]}"; do
        [ "${h%.h}" = "$h" ] ||
            printf '#include "%s"\n' "$PWD/$h" "$PWD/$h" |
            "${cc[@]}" -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Iingest -fsyntax-only -x c - 2>&1 || true
    done
}
result "every header compiles alone" "$(lonely)"

# Names starting with two underscores or a point are the compiler's own (sanitizers, OpenMP).
strangers() {
    local lib
    for lib in $LIBS; do
        nm -g --defined-only "$lib" 2>/dev/null | awk -v lib="$lib" '
            NF == 3 { n++ }
            NF == 3 && $3 !~ /^(sq_|__|[.])/ { print lib ": " $3 }
            END { if (!n) print lib ": nm shows no symbols" }' || true
    done
}
result "global symbols start with sq_" "$(strangers)"

tab=$(printf '\t')
result "no tabs, no trailing blanks" "$(grep -nE "$tab|[ $tab]\$" "${text[@]}" || true)"
result "no file of code over 700 lines" "$(wc -l "${code[@]}" | awk '$2 != "total" && $1 > 700 { print $2 ": " $1 " lines" }')"
result "no path of one machine" "$(grep -nE '/(work|farm|home|root|Users)/' "${text[@]}" || true)"
result "no promises in the code" "$(grep -nwE 'TO[D]O|FIX[M]E|X[X]X|HA[C]K' "${code[@]}" || true)"
result "libraries neither exit nor print to stdout" \
    "$(grep -nE '(^|[^a-z_])(exit|abort|printf|puts|putchar)\(|[(, ]stdout[),;]' "${libraries_code[@]}" || true)"
result "the top level holds rooms only" "$(for f in *; do case $f in
    ingest | model | serve | tools | tests | configs | meson.build | README.md | LICENSE | CHANGELOG.md) ;;
    build*) ;;
    *) echo "$f" ;;
    esac; done)"
if command -v shellcheck >/dev/null; then
    result "scripts are clean" "$(shellcheck -x -f gcc "${scripts[@]}" || true)"
else
    n=$((n + 1))
    echo "ok $n - scripts are clean # SKIP no shellcheck"
fi

echo "1..$n"
exit $bad
