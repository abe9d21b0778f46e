"""`trabfem doctor --warm`: what it compiled is found on disk by a later process, for that bone and one like it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plates import bone
from trabfem.errors import UserError
from trabfem.runs.warming import block
from trabfem.specimen.readers import write

COUNT = """
import sys, jax
missed = []
jax.monitoring.register_event_listener(lambda event, **_: missed.append(event == "/jax/compilation_cache/cache_misses"))
from trabfem.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(sum(missed), file=sys.stderr)
"""


def misses(folder: Path, *arguments: object) -> tuple[int, str]:
    """Programs that a process of the command line had to compile, with compiled programs in `folder`; its output."""
    others = ("JAX_COMPILATION", "JAX_PERSISTENT")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(others)}
    environment["XDG_CACHE_HOME"] = str(folder)
    command = [sys.executable, "-c", COUNT, *map(str, arguments), "--device", "cpu"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.strip().splitlines()[-1]), done.stdout


@pytest.mark.slow
def test_a_later_process_compiles_nothing(tmp_path: Path) -> None:
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    given = bone(n=16)
    write(given, first)
    fill = given.fill.copy()
    # Some voxels less, as in another scan of the same bone.
    solid = np.argwhere(fill > 0)
    fill[tuple(solid[len(solid) // 2])] = 0
    write(type(given)(fill, given.spacing), second)
    before, text = misses(tmp_path, "doctor", "--warm", first, "--json")
    told = json.loads(text)["warm"]
    # The command compiles a few more for what it says of this machine.
    assert before - 4 <= told["compiled"] <= before
    assert 10 < told["compiled"] <= told["programs"] and told["seconds"] > 0
    assert misses(tmp_path, "solve", first)[0] == 0
    assert misses(tmp_path, "strength", second)[0] == 0


def test_a_size_is_a_block_of_bone() -> None:
    made = block(24)
    assert made.shape == (24, 24, 24) and 0.05 < made.bvtv < 0.4
    with pytest.raises(UserError, match="at least 24"):
        block(23)
