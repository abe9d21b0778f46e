#!/bin/sh
# What one NVIDIA GPU does, in at most eight minutes: one table, and a file for every part in $OUT or ./gpu-results.
#   sh bench/gpu.sh             on a machine with a GPU; of packages only JAX, NumPy, SciPy, Equinox, Diffrax, h5py, pytest
#   sh bench/gpu.sh --small     tiny sizes on whatever is there, to see that every part works
# The most important part comes first, and each writes its rows as soon as it has them, so that a run cut short loses least.
set -u
cd "$(dirname "$0")/.." || exit 1
OUT=$(mkdir -p "${OUT:-gpu-results}" && cd "${OUT:-gpu-results}" && pwd) || exit 1
PYTHON=${PYTHON:-python3}
BEGAN=$(date +%s)
DEVICE=gpu SIDE=512 WAVES=64 GIANTS="1072 1000 920" CUBE=256 REFINE=4 BONE=64 ARMS="--arms 4 --members 8 --months 60" LIMIT=${LIMIT:-470} SLOWER=1
[ "${1:-}" = --small ] && DEVICE=auto SIDE=48 WAVES=24 GIANTS=40 CUBE=48 REFINE=1 BONE=24 ARMS="--arms 2 --members 2 --months 3" LIMIT=${LIMIT:-1800} SLOWER=5
SMALL=${1:-}
# A cache of its own: the first solve must find nothing compiled. The preallocation of several processes in turn is no matter.
export PYTHONPATH="$PWD/src:$PWD/tests" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
XDG_CACHE_HOME=$(mktemp -d) && export XDG_CACHE_HOME
export XLA_PYTHON_CLIENT_MEM_FRACTION=0.95

finish() { rm -rf "$XDG_CACHE_HOME"; $PYTHON bench/gpu.py table --folder "$OUT" | tee "$OUT/table.md"; }
trap finish EXIT
trap 'exit 1' INT TERM

# part NAME SECONDS COMMAND...: its rows go to NAME.json, all else that it says to NAME.log.
part() {
    name=$1 most=$(($2 * SLOWER))
    shift 2
    left=$((LIMIT - $(date +%s) + BEGAN))
    [ "$most" -gt "$left" ] && most=$left
    if [ "$most" -lt 8 ]; then echo "$name: no time left" | tee "$OUT/$name.log"; return 1; fi
    start=$(date +%s)
    timeout -k 5 "$most" "$@" >"$OUT/$name.json" 2>"$OUT/$name.log"
    code=$?
    echo "$name: $(($(date +%s) - start)) s, $([ $code = 0 ] && echo done || echo "ended with $code, see $OUT/$name.log")"
    return $code
}

for old in machine solve-cold solve-cached cpu large pytest operator arms-few giant-1072 giant-1000 giant-920 giant-40 months programs arms; do
    rm -f "$OUT/$old.json" "$OUT/$old.log"
done
part machine 60 $PYTHON bench/gpu.py machine --device $DEVICE
cat "$OUT/machine.json"
part solve-cold 90 $PYTHON bench/gpu.py solve --device $DEVICE
part solve-cached 60 $PYTHON bench/gpu.py solve --device $DEVICE
part cpu 60 $PYTHON bench/gpu.py solve --device cpu
part large 90 $PYTHON bench/large.py --device $DEVICE --side $SIDE --wavelength $WAVES --warm 1 --json
[ -n "$SMALL" ] || nvidia-smi >"$OUT/nvidia-smi.txt" 2>&1
part pytest 90 $PYTHON bench/gpu.py tests
part operator 45 $PYTHON bench/operator.py --device $DEVICE --volume vertebra_64 --refine $REFINE --seconds 0.5 --json
part arms-few 60 $PYTHON bench/gpu.py arms --device $DEVICE --size $BONE --arms 2 --members 4 --months 6
for side in $GIANTS; do
    part "giant-$side" 75 $PYTHON bench/large.py --device $DEVICE --side "$side" --wavelength $WAVES --warm 0 --json && break
done
part months 75 $PYTHON bench/decade.py --device $DEVICE --side $CUBE --site femoral-head --pieces 2 --months 3 --json
part programs 60 $PYTHON bench/compilations.py --device $DEVICE --size $BONE --months 4 --json
part arms 240 $PYTHON bench/gpu.py arms --device $DEVICE --size $BONE $ARMS
echo "all: $(($(date +%s) - BEGAN)) s"
