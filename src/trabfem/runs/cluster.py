"""The connection to a Dask cluster by the address of its scheduler."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trabfem.errors import UserError

CONNECT_S = 10.0


@contextmanager
def connect(scheduler: str | None) -> Iterator[Any]:
    """A `dask.distributed.Client` of the scheduler at an address such as tcp://10.0.0.5:8786; None for None.

    **Raises:** `UserError` where Dask is not installed, or no scheduler answers within ten seconds.
    """
    if scheduler is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError:
        raise UserError(f"scheduler = {scheduler}: Dask is not installed; install trabfem[cluster]") from None
    try:
        client = Client(scheduler, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"scheduler = {scheduler}: no Dask scheduler answers there ({said}); give its address as "
            "tcp://HOST:PORT, as dask scheduler prints it"
        ) from error
    with client:
        yield client
