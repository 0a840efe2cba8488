"""An existing Dask cluster as an executor."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor


@contextmanager
def dask_executor(address: str, timeout_s: float = 10.0) -> Iterator[Executor]:
    """Lend an executor whose jobs run on a Dask cluster; its workers must reach data set and output by the same paths.

    Parameters
    ----------
    address
        Of the scheduler, for example ``"tcp://127.0.0.1:8786"``.
    timeout_s
        How long to wait for an answer, s, > 0.

    Raises
    ------
    EmgIoError
        If Dask is not installed, the cluster does not answer, or it loses a job because a worker died.
    """
    from concurrent.futures import CancelledError

    try:
        import distributed
    except ImportError:
        raise EmgIoError(
            "Dask is not installed: pip install 'emg-io[dask]'", place="dask", expected="the package distributed"
        ) from None
    try:
        client: Any = distributed.Client(  # type: ignore[no-untyped-call]
            address, timeout=timeout_s, set_as_default=False
        )
    except (OSError, ValueError, TypeError) as error:
        raise EmgIoError(
            "Dask cluster does not answer: start a scheduler, or name its address",
            place="dask",
            expected=f"an answer from {address} within {timeout_s:g} s",
            found=str(error) or type(error).__name__,
        ) from None
    with client:
        try:
            yield client.get_executor()
        except (distributed.KilledWorker, CancelledError) as error:
            raise EmgIoError(
                "Dask cluster lost a job: run the same call again to resume, with more memory a worker if that ran out",
                place="dask",
                found=str(error) or type(error).__name__,
            ) from None
