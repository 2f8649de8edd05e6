#!/bin/sh
# Builds a release of the commit that is checked out: the program, its bill of materials (CycloneDX) and
# checksums.
#
#   deploy/release.sh FOLDER             builds into FOLDER, which must not be there
#   deploy/release.sh --verify FOLDER    builds twice at two places first, and fails where the bytes differ
#
# What is built is the commit and not the working copy. The same commit, built with the pinned toolchain for
# the same target and with a C compiler of the same version, gives the same bytes wherever it is built: the
# lock file fixes the crates, the paths of this machine are taken out of what is compiled, times are the
# commit's, and the profile (thin LTO, 4 codegen units) is that of Cargo.toml. It needs Rust (rustup), a C
# compiler, git, Python 3 and the registry, and installs cargo-cyclonedx in the version below where that is missing.
set -eu

cyclonedx=0.5.9

usage() {
    echo "usage: $0 [--verify] FOLDER" >&2
    exit 2
}

verify=no
if [ "${1-}" = --verify ]; then
    verify=yes
    shift
fi
[ $# -eq 1 ] && [ "${1#-}" = "$1" ] || usage
if [ -e "$1" ]; then
    echo "error: $1 is there already" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "$(git -C "$here" status --porcelain)" ]; then
    echo "error: there are changes that are in no commit, and would not be in the release" >&2
    exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$here"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC CARGO_INCREMENTAL=0
# Flags of whoever runs this would go into what is built.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CFLAGS CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR
cargo_home=${CARGO_HOME:-$HOME/.cargo}
host=$(rustc -vV | sed -n 's/^host: //p')
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=partner-gateway-$version-$host

# exported FOLDER: the commit's files, and nothing else.
exported() {
    mkdir -p "$1"
    git archive --format=tar "$commit" | tar -x -C "$1"
}

# remapped FOLDER: the flags that take this machine's places out of what is compiled there.
remapped() {
    sysroot=$(rustc --print sysroot)
    std=$(rustc -vV | sed -n 's/^commit-hash: //p')
    printf ' --remap-path-prefix=%s=/rustc/%s' "$sysroot/lib/rustlib/src/rust" "$std"
    # The folder of a registry is named by where the registry is reached.
    for registry in "$cargo_home"/registry/src/*; do
        printf ' --remap-path-prefix=%s=/crates' "$registry"
    done
    printf ' --remap-path-prefix=%s=/src' "$1"
}

# utoipa-swagger-ui generates code that names its files by their full paths (seen with 10.0, 2026-11): part of what is
# hashed, and out of reach of any flag. Named as they lie beside that code, they are the same everywhere.
compiler=$scratch/compiler
cat >"$compiler" <<'WRAPPER'
#!/bin/sh
if [ "${CARGO_PKG_NAME-}" = utoipa-swagger-ui ] && [ -f "${OUT_DIR-}/embed.rs" ]; then
    sed -i "s|\"$OUT_DIR/|\"|" "$OUT_DIR/embed.rs"
fi
exec "$@"
WRAPPER
chmod 700 "$compiler"

# build FOLDER: builds what was exported there.
build() {
    (
        cd "$1"
        cargo fetch --locked --target "$host"
        RUSTFLAGS=$(remapped "$1")
        CFLAGS=$(printf '%s' "$RUSTFLAGS" | sed 's/ --remap-path-prefix=/ -ffile-prefix-map=/g')
        RUSTC_WRAPPER=$compiler
        export RUSTFLAGS CFLAGS RUSTC_WRAPPER
        cargo build --locked --release --package partner-gateway --target-dir "$1/target"
    )
}

exported "$scratch/source"
build "$scratch/source"
if [ $verify = yes ]; then
    exported "$scratch/elsewhere/and/deeper"
    build "$scratch/elsewhere/and/deeper"
    if ! cmp "$scratch/source/target/release/partner-gateway" \
        "$scratch/elsewhere/and/deeper/target/release/partner-gateway"; then
        echo "error: two builds of one commit differ" >&2
        exit 1
    fi
    echo "two builds are the same"
fi

cargo cyclonedx --version 2>/dev/null | grep -q " $cyclonedx\$" ||
    cargo install --locked --debug --version "=$cyclonedx" cargo-cyclonedx
(
    cd "$scratch/source"
    cargo cyclonedx --manifest-path crates/gateway/Cargo.toml --format json --spec-version 1.5 \
        --target "$host" --no-build-deps --override-filename bom
    cargo tree --locked --package partner-gateway --target "$host" --edges normal --prefix none \
        --format '{p}' >"$scratch/tree"
)
# cargo-cyclonedx lists optional crates too that no feature turns on. What is not built is no part of it.
# Places are the commit's and not this machine's.
python3 - "$scratch" "$scratch/source/crates/gateway/bom.json" "$out/$name.cdx.json" <<'PYTHON'
import json
import sys

scratch, given, written = sys.argv[1:]
with open(given) as file:
    bom = json.loads(file.read().replace(f"path+file://{scratch}/source/", "path+file:///src/"))
with open(f"{scratch}/tree") as file:
    built = {(name, version[1:]) for name, version, *_ in map(str.split, filter(str.strip, file))}
bom["components"] = [c for c in bom["components"] if (c["name"], c["version"]) in built]
refs = {c["bom-ref"] for c in bom["components"]} | {bom["metadata"]["component"]["bom-ref"]}
bom["dependencies"] = [
    {**d, "dependsOn": [ref for ref in d.get("dependsOn", []) if ref in refs]}
    for d in bom["dependencies"]
    if d["ref"] in refs
]
missing = built - {(c["name"], c["version"]) for c in bom["components"]}
missing -= {(bom["metadata"]["component"]["name"], bom["metadata"]["component"]["version"])}
if missing:
    sys.exit(f"error: the bill of materials lacks {sorted(missing)}")
with open(written, "w") as file:
    json.dump(bom, file, indent=1, sort_keys=True)
    file.write("\n")
PYTHON

cp "$scratch/source/target/release/partner-gateway" "$out/$name"
cp "$scratch/source/config/default.toml" "$scratch/source/LICENSE" "$out/"
printf 'commit %s\n%s\n%s\n' "$commit" "$(rustc --version)" "$(cc --version | head -n 1)" >"$out/BUILT_WITH"
(cd "$out" && sha256sum -- * >"$scratch/SHA256SUMS" && mv "$scratch/SHA256SUMS" SHA256SUMS)
cat "$out/SHA256SUMS"
