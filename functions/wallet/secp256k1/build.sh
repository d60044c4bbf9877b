#!/bin/sh
# Makes secp256k1.wasm anew from libsecp256k1's release and prints its SHA-256, which must be the one that
# test/unit/secp256k1.test.ts holds. Needs git, Python and the network; the result is committed, so nobody else does.
set -eu

release=v0.8.0
commit=6e2c8bc4ecdc6e71dbe7a368f360d8d453ce435d
compiler=ziglang==0.17.1

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

git -c advice.detachedHead=false clone --quiet --depth 1 --branch "$release" \
  https://github.com/bitcoin-core/secp256k1 "$work/secp256k1"
[ "$(git -C "$work/secp256k1" rev-parse HEAD)" = "$commit" ] || { echo "$release is not $commit" >&2; exit 1; }
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet "$compiler"

cd "$work/secp256k1"
cp "$here/secp256k1.zig" .
export ZIG_GLOBAL_CACHE_DIR="$work/cache" ZIG_LOCAL_CACHE_DIR="$work/cache"
exports=$(sed -n 's/^export fn \([a-z][A-Za-z0-9]*\)(.*/--export=\1/p' secp256k1.zig)
# Field elements are 10 limbs of 26 bits, which WebAssembly multiplies in 64. The tables of precomputed points are small
# enough to be read: 22 KiB for the generator, 2 KiB for points that are public. The deepest call takes a tenth of the stack.
# shellcheck disable=SC2086
"$work/python/bin/python" -m ziglang build-exe secp256k1.zig \
  -cflags -Os -msimd128 -w -DUSE_FORCE_WIDEMUL_INT64=1 -DUSE_EXTERNAL_DEFAULT_CALLBACKS=1 \
  -DECMULT_WINDOW_SIZE=5 -DCOMB_BLOCKS=11 -DCOMB_TEETH=6 -- \
  src/secp256k1.c src/precomputed_ecmult.c src/precomputed_ecmult_gen.c -I. -Iinclude \
  -target wasm32-wasi -mexec-model=reactor -mcpu=generic+simd128 -OReleaseSmall -fstrip --stack 65536 \
  -fno-entry $exports -lc -femit-bin="$here/secp256k1.wasm"
sha256sum "$here/secp256k1.wasm" 2>/dev/null || shasum -a 256 "$here/secp256k1.wasm"
