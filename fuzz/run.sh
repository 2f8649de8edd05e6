#!/usr/bin/env bash
# Fuzzes every target, and prints one table: fuzz/run.sh [AMOUNT]
#
#   fuzz/run.sh              2,000,000 executions in all, which takes some ten seconds a target
#   fuzz/run.sh 100000000    so many executions in all, shared out by how fast each target is
#   fuzz/run.sh 60s          so many seconds for each target
#   fuzz/run.sh tools        only installs what is needed
#
# It needs Rust (the toolchain of rust-toolchain.toml will do) and a C++ compiler, and installs cargo-fuzz
# where it is missing. It ends with 1 when a target crashed, whose input then lies in fuzz/artifacts/TARGET.
# What was found to reach new code is thrown away, so that a run begins as every other does; a second
# argument names a folder to keep it in.
set -euo pipefail

amount=${1:-2000000}
kept=${2:+$(realpath -m "$2")}
if [[ ! $amount =~ ^([1-9][0-9]*s?|tools)$ ]] || [ $# -gt 2 ]; then
    echo "usage: fuzz/run.sh [EXECUTIONS|SECONDSs|tools] [FOLDER], not: $*" >&2
    exit 2
fi
cd "$(dirname "$0")"

# Each target's share of the executions, in thousandths: about what it does in the time of the others.
shares="cursor 120
idempotency_key 160
retry_after 300
id_to_url 130
scaleway_error 70
archera_error 90
jwt_header 130"

# The version that this was written with.
cargo_fuzz=0.13.2
command -v c++ >/dev/null || { echo "fuzzing needs a C++ compiler, as c++" >&2; exit 1; }
cargo fuzz --version 2>/dev/null | grep -qF "$cargo_fuzz" ||
    cargo install --locked --debug cargo-fuzz --version "=$cargo_fuzz"
[ "$amount" != tools ] || exit 0

# The lock file must fit what is built; cargo-fuzz would mend it in silence.
cargo metadata --locked --format-version 1 >/dev/null

# No sanitizer: our code has no unsafe block, and all that is held here is said by assertions. So the
# stable toolchain will do. The libraries are built as they are when nobody fuzzes.
export RUSTFLAGS=-Cdebuginfo=0
options=(--sanitizer none --no-cfg-fuzzing --codegen-units 16)
cargo fuzz build "${options[@]}"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/gateway-fuzz.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
number() { sed -nE "s/$1/\1/p" "$2" | tail -n 1; }

table="$scratch/table"
printf 'target\texecutions\tseconds\tnew edges\tcrashes\n' >"$table"
all=0 crashed=0 began=$SECONDS
while read -r target share; do
    case $amount in
    *s) bound=(-max_total_time="${amount%s}") ;;
    *) bound=(-runs=$((amount * share / 1000))) ;;
    esac
    [ ! -e "dictionaries/$target.dict" ] || bound+=(-dict="dictionaries/$target.dict")
    log=$scratch/$target.log
    found=${kept:-$scratch/found}/$target
    mkdir -p "$found" "artifacts/$target"
    from=$SECONDS crashes=0
    cargo fuzz run "${options[@]}" "$target" "$found" "seeds/$target" -- "${bound[@]}" -seed=1 -timeout=10 \
        -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" >"$log" 2>&1 || crashes=1
    executions=$(number '^stat::number_of_executed_units: *([0-9]+).*' "$log")
    if [ -z "$executions" ]; then
        cat "$log" >&2
        echo "$target did not run" >&2
        exit 1
    fi
    first=$(number '^#[0-9]+\tINITED cov: ([0-9]+).*' "$log")
    last=$(number '^#[0-9]+\t.* cov: ([0-9]+) ft:.*' "$log")
    printf '%s\t%s\t%s\t%s\t%s\n' "$target" "$executions" $((SECONDS - from)) \
        $((${last:-0} - ${first:-${last:-0}})) $crashes >>"$table"
    all=$((all + executions))
    if [ $crashes -ne 0 ]; then
        crashed=$((crashed + 1))
        grep -vE '^#[0-9]+\s' "$log" | tail -n 60 >&2
    fi
done <<<"$shares"
printf 'all\t%s\t%s\t\t%s\n' $all $((SECONDS - began)) $crashed >>"$table"
echo
expand -t 18,32,42,54 "$table"
[ $crashed -eq 0 ]
