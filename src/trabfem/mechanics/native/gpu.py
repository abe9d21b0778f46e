"""The kernels for NVIDIA GPUs: CUDA C, compiled once on a machine by the nvrtc that jax[cuda] installs.

The driver starts them (launch.c), sizes are given at run time, so that one compilation of two seconds serves all meshes.
What was compiled, and that it agreed with the plain form, is kept in the user's cache.
"""

import ctypes
import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .. import native
from . import builds

SOURCES = ("device.cu", "shared.h", "voxels.h")
OPTIONS = ("--std=c++17", "--extra-device-vectorization")
LARGEST_DIFFERENCE = 1e-5


def prepare() -> None:
    """Compile the kernels for JAX's GPU if necessary, load and register them. Raises builds.CannotCompile."""
    device = jax.devices()[0]
    capability = str(getattr(device, "compute_capability", ""))
    if not capability:
        raise builds.CannotCompile(f"{device.device_kind} is not a GPU of NVIDIA")
    handle = native.library().handle
    trouble = handle.trabfem_load_kernels(compiled(capability).read_bytes())
    if trouble:
        raise builds.CannotCompile(f"CUDA's driver refuses the GPU kernels (error {trouble}); update it to version 525")
    native.tell(handle, "gpu_", native.GPU_TARGETS, "CUDA")
    require_agreement(device)


def describe() -> str:
    """For which GPU the kernels are."""
    device = jax.devices()[0]
    return f"CUDA kernels for compute capability {getattr(device, 'compute_capability', '?')}, compiled on this machine"


def compiled(capability: str) -> Path:
    """The file of the kernels compiled for a compute capability such as "9.0"; compiles them if they are not there."""
    name = f"kernels-{builds.digest()}-sm{capability.replace('.', '')}.cubin"
    path = native.cache_folder() / name
    if not path.exists():
        image = compile_image(capability)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renaming is atomic, as another process may be writing the same file.
        made = path.with_suffix(f".{hashlib.sha256(image).hexdigest()[:8]}")
        made.write_bytes(image)
        made.replace(path)
    return path


def compile_image(capability: str) -> bytes:
    """The kernels as machine code for a compute capability. Raises builds.CannotCompile."""
    nvrtc = find_nvrtc()
    source, *headers = ((builds.SOURCE / name).read_bytes() for name in SOURCES)
    program = ctypes.c_void_p()
    texts = (ctypes.c_char_p * len(headers))(*headers)
    names = (ctypes.c_char_p * len(headers))(*(name.encode() for name in SOURCES[1:]))
    made = nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, SOURCES[0].encode(), len(headers), texts, names)
    if made:
        raise builds.CannotCompile(f"nvrtc cannot begin (error {made})")
    asked = [f"--gpu-architecture=sm_{capability.replace('.', '')}", *OPTIONS]
    options = (ctypes.c_char_p * len(asked))(*(option.encode() for option in asked))
    if nvrtc.nvrtcCompileProgram(program, len(asked), options):
        text = _read(nvrtc, program, "nvrtcGetProgramLog").decode(errors="replace")
        errors = [line for line in text.splitlines() if "error" in line] or ["no message"]
        raise builds.CannotCompile(f"nvrtc failed: {errors[0]}")
    image = _read(nvrtc, program, "nvrtcGetCUBIN")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return image


def _read(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, function: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"{function}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, function)(program, text)
    return text.raw


@functools.cache
def find_nvrtc() -> ctypes.CDLL:
    """NVIDIA's compiler for run time, of jax[cuda] or of the system. Raises builds.CannotCompile."""
    for path in nvrtc_paths():
        try:
            return ctypes.CDLL(path)
        except OSError:
            continue
    raise builds.CannotCompile("nvrtc, which compiles the GPU kernels, is not installed; pip install 'jax[cuda13]'")


def nvrtc_paths() -> Iterator[str]:
    """Where nvrtc may be: beside JAX, then wherever the system looks for libraries."""
    package = importlib.util.find_spec("nvidia")
    for folder in (package.submodule_search_locations or []) if package else []:
        yield from (str(path) for path in sorted(Path(folder).glob("*/lib/libnvrtc.so.*"), reverse=True))
    yield from ("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so")


def require_agreement(device: Any) -> None:
    """Raise builds.CannotCompile unless the kernels have the plain form's result here; tried once on a machine.

    A wrong result of a driver or card that nobody has tried must not pass for an answer.
    """
    told = " ".join([builds.digest(), device.device_kind, jax.__version__, str(device.client.platform_version)])
    note = native.cache_folder() / f"agrees-{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    if note.exists():
        return
    try:
        # In a separate thread, because this may be called while JAX traces a program, and tracing is per thread.
        with ThreadPoolExecutor(1) as thread:
            worst = thread.submit(disagreement).result()
    except Exception as error:  # A driver on an unknown machine may raise anything; the plain form still works.
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise builds.CannotCompile(f"the GPU kernels do not run here: {reason[0]}") from error
    if not worst < LARGEST_DIFFERENCE:
        raise builds.CannotCompile(f"the result of the GPU kernels is off by {worst:.1e}")
    note.write_text(told)


def disagreement() -> float:
    """Largest difference of the fine operator from a sum by NumPy, on random voxels, over the largest force."""
    # Imported here because these modules import this package.
    from .. import hexahedron, operator
    from ..mesh import HexMesh

    random = np.random.default_rng(0)
    modulus = (random.random((5, 6, 7)) < 0.6) * random.uniform(0.5, 2, (5, 6, 7))
    mesh = HexMesh.from_voxels(modulus, (1.0, 1.2, 0.9), lists=False, ranked=True)
    matrix, u = hexahedron.stiffness(mesh.spacing, mesh.poisson), random.normal(size=mesh.nodes.shape)
    conn, exact = np.asarray(mesh.conn), np.zeros_like(u)
    local = (u[conn].reshape(-1, 24) @ matrix) * np.asarray(mesh.modulus)[:, None]
    np.add.at(exact, conn, local.reshape(-1, 8, 3))
    # Not by `native.call`, which asks whether there are kernels.
    like = jax.ShapeDtypeStruct(u.shape, np.float32)
    given = (mesh.pairs, mesh.voxels, np.int32(mesh.num_elements), mesh.modulus, np.float32(matrix), np.float32(u))
    function = jax.ffi.ffi_call("trabfem_gpu_voxels", (like,))
    found = np.asarray(jax.jit(function)(*given, *operator.lattice_arrays(mesh))[0])
    return float(abs(found - exact).max() / abs(exact).max())
