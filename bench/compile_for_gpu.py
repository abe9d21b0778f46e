"""Compile every program of a run for an H100 on a machine without one: seconds, kernels, memory.

Once, in an environment of its own (4.5 GB): pip install 'jax[cuda13]' -e '.[test]'. Then

    python bench/compile_for_gpu.py -m trabfem solve vertebra_64
    python bench/compile_for_gpu.py bench/decade.py --side 32 --months 2

The run computes on the CPU, by the kernels for GPUs compiled for the host, and each program is compiled a second time
for the GPU. There is nothing to autotune on, so XLA takes default tilings: a GPU spends more time on GEMM fusions,
which is why they are counted. Kernels are counted as they stand in a program, a call of ours as one; a loop starts
those inside it again and again.
"""

import shared.paths  # noqa: F401

# isort: split
import os
import re
import runpy
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu,cuda")
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"

import jax  # noqa: E402
from jax._src import compiler, xla_bridge  # noqa: E402
from jax._src.lib import _jax  # noqa: E402  # pyright: ignore[reportPrivateImportUsage]
from jax.experimental import topologies  # noqa: E402

from trabfem.mechanics import native  # noqa: E402
from trabfem.mechanics.native import pretended  # noqa: E402

H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 shared_memory_per_block: 49152 shared_memory_per_core: 233472
  threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98 device_memory_size: 84929347584
  shared_memory_per_block_optin: 232448 cuda_compute_capability { major: 9 minor: 0 }
  registers_per_core_limit: 65536 registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
runtime_version { major: 13 minor: 0 patch: 0 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
TITLES = ("program", "wall s", "CPU s", "kernels", "gemms", "calls", "loops", "MB")
# What LAPACK does on the CPU is one call on the GPU too, of another name.
LAPACK = (
    "lapack_dpotrf_ffi",
    "lapack_spotrf_ffi",
    "blas_dtrsm_ffi",
    "blas_strsm_ffi",
    "lapack_dtrsm_ffi",
    "lapack_dsyevd_ffi",
)


KEEP = os.environ.get("KEEP_PROGRAMS", "")
"""A folder for the texts of the compiled programs, if any."""


def find_devices() -> Any:
    """One H100 that exists for the compiler only."""
    known = xla_bridge.canonicalize_platform

    def canonical(platform: str) -> str:
        try:
            return known(platform)
        except RuntimeError:
            return "cuda"

    xla_bridge.canonicalize_platform = canonical
    return topologies.get_topology_desc(platform="cuda", target_config=H100, topology="1x1x1").devices


def count_kernels(text: str) -> tuple[int, int, int, int]:
    """Kernels, GEMM fusions, library calls and loops that stand in the text of an optimised program."""
    fusions = len(re.findall(r"= \S+ fusion\(", text))
    gemms = len(re.findall(r"kind\":\"__triton_gemm|__triton_nested_gemm|__cublas", text))
    calls = len(re.findall(r"custom-call\(", text))
    return fusions + calls, gemms, calls, len(re.findall(r" while\(", text))


def watch(rows: list, devices: Any) -> None:
    """Compile for the GPU whatever is compiled for the CPU, and note what it took."""
    original, client, where = compiler.backend_compile_and_load, devices[0].client, tuple(devices)

    def both(backend: Any, module: Any, executable_devices: Any, options: Any, host_callbacks: Any) -> Any:
        name = str(module.operation.attributes["sym_name"]).strip('"').removeprefix("jit_")
        began, spent = time.perf_counter(), time.process_time()

        def took() -> tuple[float, float]:
            return time.perf_counter() - began, time.process_time() - spent

        try:
            made = client.compile(module, executable_devices=_jax.DeviceList(where), compile_options=options)
            seconds, text = took(), made.hlo_modules()[0].to_string()
            memory = made.get_compiled_memory_stats()
            if KEEP:
                Path(KEEP, f"{len(rows)}_{name}.txt").write_text(text)
            rows.append((name, *seconds, *count_kernels(text), memory.temp_size_in_bytes / 1e6, ""))
        except Exception as error:  # What the compiler refuses is a row too.
            rows.append((name, *took(), 0, 0, 0, 0, 0.0, str(error).splitlines()[0][:90]))
        return original(backend, module, executable_devices, options, host_callbacks)

    compiler.backend_compile_and_load = both


def run(arguments: list[str]) -> None:
    """The script or, after -m, the module that the arguments name."""
    module = arguments[0] == "-m"
    name = arguments[1 if module else 0]
    sys.argv = [name, *arguments[2 if module else 1 :]]
    try:
        if module:
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(name).resolve().parent))
            runpy.run_path(name, run_name="__main__")
    except SystemExit:
        pass


def main() -> None:
    """Run what the arguments name, then print the table."""
    rows: list = []
    # Handlers must be known for the platform that is compiled for, though nothing runs there.
    handle = native.library().handle
    native.tell(handle, "gpu_", native.GPU_TARGETS, "CUDA")
    for name in LAPACK:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handle.trabfem_gpu_dense), platform="CUDA")
    watch(rows, find_devices())
    jax.config.update("jax_default_device", jax.devices("cpu")[0])
    with pretended.pretended_gpu():
        run(sys.argv[1:])
    rows.sort(key=lambda row: -row[1])
    print(f"{TITLES[0]:36}", *(f"{title:>9}" for title in TITLES[1:]))
    for name, wall, cpu, *counts, megabytes, said in rows[:40]:
        print(f"{name[:36]:36} {wall:9.2f} {cpu:9.2f}", *(f"{count:9}" for count in counts), f"{megabytes:9.1f} {said}")
    wall, cpu, *counts = (sum(row[k] for row in rows) for k in range(1, 7))
    print(f"{f'{len(rows)} programs':36} {wall:9.2f} {cpu:9.2f}", *(f"{count:9}" for count in counts))


if __name__ == "__main__":
    main()
