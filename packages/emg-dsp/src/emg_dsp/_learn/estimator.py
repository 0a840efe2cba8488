"""The scikit-learn estimator behind `FeatureTransformer`. Imported when one is made, because it imports scikit-learn.

It is an ordinary subclass of scikit-learn's own bases, so that parameters, cloning, output containers, tags and
whatever a later version asks for are theirs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
    BaseEstimator,
    TransformerMixin,
)
from sklearn.utils.validation import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
    check_is_fitted,
)

from emg_dsp._arrays import as_signal
from emg_dsp._errors import EmgDspError
from emg_dsp._features import feature_columns, features
from emg_dsp._windows import windows

from . import transformer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import ArrayLike, NDArray

    from emg_dsp._arrays import Array


class FeatureTransformer(
    TransformerMixin,  # type: ignore[misc, unused-ignore]  # scikit-learn has no types
    BaseEstimator,  # type: ignore[misc, unused-ignore]
    transformer.FeatureTransformer,
):
    """The estimator; parameters and attributes as `emg_dsp.FeatureTransformer` says."""

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002
        """Check ``X`` and the parameters; remember the channels.

        Parameters
        ----------
        X : array (n_windows, channels, time)
            Windows. With ``length``: a recording (channels, time), recordings (..., channels, time) of one length, or a
            data frame with a row for each time and a column for each channel.
        y : None
            Not used; part of scikit-learn's interface.

        Returns
        -------
        FeatureTransformer
            Itself.

        Raises
        ------
        EmgDspError
            If a parameter or the shape of ``X`` is wrong.
        """
        signal = self._signal(X)
        feature_columns(self.names, self.sfreq, signal.shape[-2])
        if 0 in (cut := self._windows(signal).shape):
            raise EmgDspError(f"X gives windows of shape {cut}; required is at least one, to fit on.")
        named = _column_names(X)
        if named is not None:
            self.feature_names_in_ = named
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.n_features_in_ = int(signal.shape[-2])
        return self

    def transform(self, X: ArrayLike) -> NDArray[Any]:
        """Compute the features.

        Parameters
        ----------
        X : array
            As for `fit`, with as many channels.

        Returns
        -------
        array (n_windows, channels * n_columns)
            One row for each window (with ``length``, window after window of one recording after the other); channel
            after channel, each with all its features. Float64 for float64, float32 for everything else.

        Raises
        ------
        EmgDspError
            If channels differ in number or name from those seen in `fit`, or a sample is not finite.
        """
        check_is_fitted(self, "n_features_in_")
        signal = self._signal(X)
        self._check_channels(signal, _column_names(X))
        table = features(self._windows(signal), self.names, self.sfreq)
        return table.reshape(math.prod(table.shape[:-2]), table.shape[-2] * table.shape[-1])

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]:
        """Name the columns: feature and channel, as in ``RMS_ch0``.

        Parameters
        ----------
        input_features : sequence of str, optional
            Names of the channels; those seen in `fit`, or ``ch0``, ``ch1``, ... where None.

        Returns
        -------
        array (channels * n_columns,) of str
        """
        check_is_fitted(self, "n_features_in_")
        channels = self._channels(input_features)
        columns = feature_columns(self.names, self.sfreq, self.n_features_in_)
        return np.array([f"{column}_{channel}" for channel in channels for column in columns], dtype=object)

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        """Say that samples are windows of several channels."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _channels(self, given: Sequence[str] | None) -> list[str]:
        seen = getattr(self, "feature_names_in_", None)
        if given is None:
            return [f"ch{c}" for c in range(self.n_features_in_)] if seen is None else list(seen)
        if len(given) != self.n_features_in_ or (seen is not None and list(given) != list(seen)):
            expected = f"{self.n_features_in_} names" if seen is None else f"the names seen in fit, {list(seen)}"
            raise EmgDspError(f"input_features={list(given)!r}; required are {expected}.")
        return list(given)

    def _signal(self, x: ArrayLike) -> Array:
        if hasattr(x, "columns"):
            if self.length is None:
                raise EmgDspError("X is a table with a column for each channel; required is length=, to cut windows.")
            return as_signal(np.asarray(x).T, "X")
        signal = as_signal(x, "X")
        if self.length is None and signal.ndim != 3:
            raise EmgDspError(
                f"X has shape {signal.shape}; required are windows (n_windows, channels, time), or length= in s, "
                "to cut them from a recording (channels, time)."
            )
        return signal

    def _windows(self, signal: Array) -> Array:
        if self.length is None:
            if self.hop is not None:
                raise EmgDspError(f"hop={self.hop!r} without length; required are both, or none for windows.")
            return signal
        return windows(signal, self.length, self.length if self.hop is None else self.hop, sfreq=self.sfreq)

    def _check_channels(self, signal: Array, named: NDArray[Any] | None) -> None:
        if signal.shape[-2] != self.n_features_in_:
            raise EmgDspError(
                f"X has {signal.shape[-2]} channels; required are {self.n_features_in_}, as FeatureTransformer was "
                "fitted with."
            )
        seen = getattr(self, "feature_names_in_", None)
        if named is not None and seen is not None and list(named) != list(seen):
            raise EmgDspError(f"X has the channels {list(named)}; required are {list(seen)}, in this order, as in fit.")


def _column_names(x: object) -> NDArray[Any] | None:
    """Return the names of a table's columns where all of them are text."""
    columns = list(getattr(x, "columns", ()))
    if not columns or not all(isinstance(column, str) for column in columns):
        return None
    return np.array(columns, dtype=object)
