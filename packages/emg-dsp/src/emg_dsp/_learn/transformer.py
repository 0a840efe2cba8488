"""`FeatureTransformer` as it is imported: its parameters and its help, without scikit-learn.

As `pathlib.Path` gives a `PosixPath`, calling the class gives an object of a subclass, which is a true scikit-learn
estimator and lives in a module that imports scikit-learn. So ``import emg_dsp`` stays light, and cloning, pickling,
``isinstance`` and pipelines see an ordinary class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from emg_dsp._errors import EmgDspError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import ArrayLike, NDArray


class FeatureTransformer:
    """Features of windows as columns, for scikit-learn's pipelines; needs ``pip install "emg-dsp[sklearn]"``.

    It learns nothing but the number of channels and their names.

    Parameters
    ----------
    names : sequence of str
        Features, as for `emg_dsp.features`.
    sfreq : float
        Sampling rate in Hz, > 0.
    length : float, optional
        Length of the windows to cut, in s. None where ``X`` holds windows already.
    hop : float, optional
        Step from one window to the next, in s; ``length`` where None. Only with ``length``.

    Attributes
    ----------
    n_features_in_ : int
        Channels, which is ``X.shape[1]`` of windows.
    feature_names_in_ : array (channels,) of str
        Names of the channels; only after fitting a table with text as column names.

    Examples
    --------
    >>> import numpy as np
    >>> from emg_dsp import FeatureTransformer
    >>> windows = np.random.default_rng(0).standard_normal((10, 2, 200))
    >>> to_features = FeatureTransformer(["RMS", "ZC"], sfreq=1000)
    >>> to_features.fit_transform(windows).shape
    (10, 4)
    >>> to_features.get_feature_names_out().tolist()
    ['RMS_ch0', 'ZC_ch0', 'RMS_ch1', 'ZC_ch1']
    """

    def __new__(  # the arguments are those of __init__
        cls,
        names: Sequence[str],  # noqa: ARG004
        sfreq: float,  # noqa: ARG004
        length: float | None = None,  # noqa: ARG004
        hop: float | None = None,  # noqa: ARG004
    ) -> Self:
        """Make an object of the subclass that is a scikit-learn estimator."""
        try:
            from .estimator import FeatureTransformer as Estimator
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "sklearn":
                raise
            raise EmgDspError(
                "FeatureTransformer needs scikit-learn, which is not installed; run: pip install 'emg-dsp[sklearn]'."
            ) from None
        return cast("Self", object.__new__(Estimator if cls is FeatureTransformer else cls))

    def __init__(
        self, names: Sequence[str], sfreq: float, length: float | None = None, hop: float | None = None
    ) -> None:
        self.names = names
        self.sfreq = sfreq
        self.length = length
        self.hop = hop

    def __getnewargs__(self) -> tuple[Any, ...]:
        return self.names, self.sfreq, self.length, self.hop

    if TYPE_CHECKING:

        def fit(self, X: ArrayLike, y: object = None) -> Self: ...
        def transform(self, X: ArrayLike) -> NDArray[Any]: ...
        def fit_transform(self, X: ArrayLike, y: object = None) -> NDArray[Any]: ...
        def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]: ...
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: object) -> Self: ...
        def set_output(self, *, transform: str | None = None) -> Self: ...
