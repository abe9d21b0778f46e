"""How the C kernels are compiled with the package, which of them is taken, and what is said where there is none."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from trabfem.mechanics import hexahedron, hierarchy, loads, native, operator, supports
from trabfem.mechanics.coarse import Blocks, Matrices
from trabfem.mechanics.levels import CoarseLevel
from trabfem.mechanics.mesh import HexMesh
from trabfem.mechanics.native import builds

ROOT = Path(__file__).resolve().parents[1]
needs_compiler = pytest.mark.skipif(not any(builds.compilers()), reason="no C compiler")
needs_hatchling = pytest.mark.skipif(not importlib.util.find_spec("hatchling"), reason="hatchling is not installed")
# Fields that the kernels read or write, and what each structure says of its size.
LAYOUT = """
#include <stddef.h>
#include <stdio.h>
#include HEADER
#define AT(type, field) printf(#type " " #field " %zu %zu\\n", offsetof(type, field), sizeof(((type *)0)->field));
#define SIZE(type) printf(#type " %d\\n", (int)type##_STRUCT_SIZE);
int main(void) {
  AT(XLA_FFI_CallFrame, extension_start) AT(XLA_FFI_CallFrame, api) AT(XLA_FFI_CallFrame, ctx)
  AT(XLA_FFI_CallFrame, args) AT(XLA_FFI_CallFrame, rets) AT(XLA_FFI_Args, args) AT(XLA_FFI_Rets, rets)
  AT(XLA_FFI_Buffer, dtype) AT(XLA_FFI_Buffer, data) AT(XLA_FFI_Buffer, rank) AT(XLA_FFI_Buffer, dims)
  AT(XLA_FFI_Metadata_Extension, metadata) AT(XLA_FFI_Metadata, api_version)
  AT(XLA_FFI_Api_Version, major_version) AT(XLA_FFI_Api_Version, minor_version)
  AT(XLA_FFI_ThreadPool_NumThreads_Args, ctx) AT(XLA_FFI_ThreadPool_NumThreads_Args, num_threads)
  AT(XLA_FFI_ThreadPool_Schedule_Args, ctx) AT(XLA_FFI_ThreadPool_Schedule_Args, task)
  AT(XLA_FFI_ThreadPool_Schedule_Args, data) AT(XLA_FFI_Error_Destroy_Args, error)
  SIZE(XLA_FFI_ThreadPool_NumThreads_Args) SIZE(XLA_FFI_ThreadPool_Schedule_Args) SIZE(XLA_FFI_Error_Destroy_Args)
  AT(XLA_FFI_Api, XLA_FFI_Error_Destroy) AT(XLA_FFI_Api, XLA_FFI_ThreadPool_Schedule)
  AT(XLA_FFI_Api, XLA_FFI_ThreadPool_NumThreads) AT(XLA_FFI_Api, XLA_FFI_Error_Create)
  AT(XLA_FFI_Api, XLA_FFI_Stream_Get)
  AT(XLA_FFI_Stream_Get_Args, ctx) AT(XLA_FFI_Stream_Get_Args, stream) SIZE(XLA_FFI_Stream_Get_Args)
  AT(XLA_FFI_Error_Create_Args, message) AT(XLA_FFI_Error_Create_Args, errc) SIZE(XLA_FFI_Error_Create_Args)
  printf("%d\\n", XLA_FFI_Error_Code_INTERNAL);
  printf("%d %d\\n", XLA_FFI_DataType_F64, XLA_FFI_Extension_Metadata);
  printf("version %d %d\\n", XLA_FFI_API_MAJOR, XLA_FFI_API_MINOR);
}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """All variants, compiled."""
    return builds.build(tmp_path_factory.mktemp("built"))[0]


@pytest.fixture
def nothing_found(monkeypatch, tmp_path):
    """Neither libraries nor a compiler, and nothing remembered of what was found before."""
    monkeypatch.setattr(builds, "BUILT", tmp_path)
    monkeypatch.setattr(builds, "compilers", lambda: iter(()))
    for remembered in (native.library, native.reason_missing):
        remembered.cache_clear()
    yield tmp_path
    for remembered in (native.library, native.reason_missing):
        remembered.cache_clear()


def names(flags, machine="x86_64"):
    return [variant.name for variant in builds.supported(frozenset(flags), machine)]


def test_the_best_variant_that_the_processor_supports():
    old, haswell, wide = set(), builds.X86[1].needs, builds.X86[0].needs
    assert names(old) == ["sse4"]
    assert names(haswell) == ["avx2", "sse4"]
    assert names(haswell - {"fma"}) == ["sse4"]
    assert names(wide) == ["avx512", "avx2", "sse4"]
    assert names(wide - {"avx512vl"}) == ["avx2", "sse4"]
    assert names({"asimd", "sve"}, "aarch64") == names(old, "arm64") == ["baseline"]


def test_flags_of_this_processor_are_those_that_all_cores_have(monkeypatch):
    text = "model name : A\nflags\t\t: fma avx2\n\nmodel name : A\nflags\t\t: avx2 sse\n"
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    assert builds.processor.__wrapped__() == ("A", frozenset({"avx2"}))


@needs_compiler
def test_own_declarations_are_those_of_the_installed_jax(tmp_path):
    said = []
    (tmp_path / "layout.c").write_text(LAYOUT)
    for folder, header in ((builds.SOURCE, "xla_ffi.h"), (jax.ffi.include_dir(), "xla/ffi/api/c_api.h")):
        program = tmp_path / header.replace("/", "_")
        options = [f"-I{folder}", f'-DHEADER="{header}"', str(tmp_path / "layout.c"), "-o", str(program)]
        subprocess.run([*next(builds.compilers()), *options], check=True, capture_output=True)
        said.append(subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines())
    assert said[0][:-1] == said[1][:-1]
    ours, theirs = ([int(number) for number in lines[-1].split()[1:]] for lines in said)
    assert ours[0] == theirs[0]
    assert ours[1] <= theirs[1]


@needs_compiler
@pytest.mark.parametrize("variant", builds.supported(builds.processor()[1]), ids=lambda variant: variant.name)
def test_every_variant_gives_the_plain_product(variant, built, monkeypatch):
    if jax.default_backend() != "cpu":
        pytest.skip("JAX computes elsewhere")
    random = np.random.default_rng(5)
    modulus = random.uniform(500, 2000, (14, 14, 14)) * (random.random((14, 14, 14)) < 0.45)
    monkeypatch.setattr(native, "PREFIX", f"trabfem_{variant.name}_")
    handle = native.register(next(path for path in built if path.name == builds.library_name(variant)))
    monkeypatch.setattr(native, "library", lambda: native.Library(handle, variant.label))
    # Programs that JAX knows already call another variant.
    jax.clear_caches()
    with jax.enable_x64(True):
        mesh = HexMesh.from_voxels(modulus, (0.03, 0.05, 0.04))
        stiffness = jnp.asarray(hexahedron.stiffness(mesh.spacing, mesh.poisson))
        for dtype, digits in ((jnp.float32, 1e-6), (jnp.float64, 1e-14)):
            u = jnp.asarray(random.normal(size=(len(mesh.nodes), 3)), dtype)
            ours, plain = operator.apply(mesh, stiffness, u), operator.apply_plain(mesh, stiffness, u)
            assert abs(ours - plain).max() < digits * abs(plain).max()
        fixed, _ = supports.prescribe_displacements(mesh, loads.platens(-0.01))
        levels = hierarchy.build(mesh, jnp.asarray(~fixed))
        coarse = [level for level in levels if isinstance(level, CoarseLevel)]
        assert {type(level.operator) for level in coarse} == {Blocks, Matrices}
        for level in coarse:
            u = jnp.asarray(random.normal(size=(len(level.inverse_diagonal), 3)), jnp.float32)
            ours = level.apply(u)
            with monkeypatch.context() as patch:
                patch.setattr(native, "kind", lambda: "")
                plain = level.apply(u)
            assert abs(ours - plain).max() < 2e-6 * abs(plain).max()


@needs_compiler
def test_what_was_built_is_found_and_what_is_stale_is_not(built, nothing_found, monkeypatch):
    if jax.default_backend() != "cpu":
        pytest.skip("JAX computes elsewhere")
    monkeypatch.setattr(native, "PREFIX", "trabfem_found_")
    best = builds.supported(builds.processor()[1])[0]
    for library in built:
        shutil.copy(library, nothing_found)
    assert native.describe() == f"{best.label}, compiled at installation"
    native.library.cache_clear()
    native.reason_missing.cache_clear()
    monkeypatch.setattr(builds, "digest", lambda: "of other sources")
    assert not native.available()
    assert native.describe() == ""


def test_digest_follows_the_sources(monkeypatch, tmp_path):
    for file in (*builds.SOURCE.glob("*.[ch]"), *builds.SOURCE.glob("*.cu")):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(builds, "SOURCE", tmp_path)
    assert builds.digest.__wrapped__() == builds.digest()
    (tmp_path / "elements.h").write_text((tmp_path / "elements.h").read_text() + "\n")
    assert builds.digest.__wrapped__() != builds.digest()


def test_a_library_that_does_not_load_is_passed_over(nothing_found, caplog):
    if jax.default_backend() != "cpu":
        pytest.skip("JAX computes elsewhere")
    for variant in builds.variants():
        (nothing_found / builds.library_name(variant)).write_text("no library")
    assert native.reason_missing() == f"no C compiler; {native.REMEDY}"
    assert [record.message for record in caplog.records] == [
        f"the C kernels are not used: no C compiler; {native.REMEDY}"
    ]


@needs_compiler
def test_a_compiler_that_fails_says_its_first_error(monkeypatch, tmp_path):
    failing = tmp_path / "cc"
    failing.write_text("#!/bin/sh\necho 'in file kernels.c:' >&2\necho 'fatal error: no stdlib.h' >&2\nexit 1\n")
    failing.chmod(0o755)
    assert not builds.is_usable((str(failing),))
    assert builds.is_usable(next(builds.compilers()))
    monkeypatch.setattr(builds, "compilers", lambda: iter([(str(failing),)]))
    with pytest.raises(builds.CannotCompile, match="^the C compiler failed: fatal error: no stdlib.h$"):
        builds.build(tmp_path / "built")
    assert not list((tmp_path / "built").iterdir())


def test_compilers_asked_for_by_cc_and_of_the_path(monkeypatch, tmp_path):
    for name in ("mine", "clang"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "mine -m64")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert list(builds.compilers()) == [(str(tmp_path / "mine"), "-m64"), (str(tmp_path / "clang"),)]


def load_hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_hatchling
def test_zig_is_required_only_where_no_compiler_works_and_it_can_be_had(monkeypatch):
    module = load_hook()
    hook = module.Kernels(str(ROOT), {}, None, None, "", "wheel")
    monkeypatch.setattr(module, "load_builds", lambda root: builds)
    monkeypatch.setattr(module, "can_be_had", lambda package: True)
    monkeypatch.setattr(builds, "compilers", lambda: iter([("cc",)]))
    monkeypatch.setattr(builds, "is_usable", lambda compiler: True)
    assert hook.dependencies() == []
    monkeypatch.setattr(builds, "is_usable", lambda compiler: False)
    assert hook.dependencies() == [module.ZIG]
    monkeypatch.setattr(module, "can_be_had", lambda package: False)
    assert hook.dependencies() == []
    monkeypatch.setattr(module, "can_be_had", lambda package: True)
    monkeypatch.setenv("TRABFEM_NATIVE", "0")
    assert hook.dependencies() == []


def copy_of_the_sources(folder: Path) -> Path:
    """What an sdist has, so that nothing is written here."""
    for name in ("src", "meshes"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("built", "__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    return folder


def make_wheel(source: Path, kind: str, **environment: str) -> tuple[Path, str]:
    """The wheel that hatchling makes of `source` without other packages, and what it says."""
    code = f"from hatchling import build; build.build_{kind}('out')"
    kept = {name: value for name, value in os.environ.items() if name not in ("CC", "TRABFEM_NATIVE")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, env=kept | environment, capture_output=True, text=True, check=True
    )
    return next((source / "out").glob("*.whl")), done.stdout + done.stderr


@needs_compiler
@needs_hatchling
def test_a_wheel_has_every_variant_and_the_tag_of_its_platform(tmp_path):
    wheel, _ = make_wheel(copy_of_the_sources(tmp_path), "wheel")
    inside = zipfile.ZipFile(wheel).namelist()
    for variant in builds.variants():
        assert inside.count(f"trabfem/mechanics/native/built/{builds.library_name(variant)}") == 1
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    assert not (tmp_path / "src/trabfem/mechanics/native/built").exists()


@needs_compiler
@needs_hatchling
def test_an_editable_installation_has_its_libraries_beside_the_sources(tmp_path):
    pytest.importorskip("editables")
    place = copy_of_the_sources(tmp_path) / "src/trabfem/mechanics/native/built"
    place.mkdir()
    (place / "kernels-of-old-sources.so").write_text("")
    make_wheel(tmp_path, "editable")
    assert {file.name for file in place.iterdir()} == set(map(builds.library_name, builds.variants()))
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert f"/{builds.BUILT.relative_to(ROOT)}/" in ignored


@needs_hatchling
@pytest.mark.skipif(bool(importlib.util.find_spec("ziglang")), reason="Zig is installed")
def test_a_package_without_kernels_is_built_all_the_same_and_says_why(tmp_path):
    source = copy_of_the_sources(tmp_path)
    wheel, said = make_wheel(source, "wheel", PATH="")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "trabfem is built without its C kernels, and solves slower: no C compiler" in said
    wheel.unlink()
    wheel, said = make_wheel(source, "wheel", TRABFEM_NATIVE="0")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "kernels" not in said


@pytest.mark.slow
def test_a_machine_without_compiler_gets_the_kernels_by_zig(tmp_path):
    """Downloads 80 MB."""
    source = copy_of_the_sources(tmp_path)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(tmp_path / "out"), str(source)]
    kept = {name: value for name, value in os.environ.items() if name not in ("CC", "PYTHONPATH")}
    subprocess.run(pip, env=kept | {"PATH": ""}, check=True, capture_output=True)
    wheel = next((tmp_path / "out").glob("*.whl"))
    inside = zipfile.ZipFile(wheel).namelist()
    assert all(f"trabfem/mechanics/native/built/{builds.library_name(v)}" in inside for v in builds.variants())
    if sys.platform == "linux":
        assert "-py3-none-manylinux_2_17_" in wheel.name
