"""Motor-unit model of the surface EMG: pools of units, their firing, their potentials, their spread over electrodes.

Recruitment and rate coding follow Fuglevand, Winter and Patla, J. Neurophysiol. 1993, 70(6):2470: thresholds and
potential sizes are spread exponentially over the pool, small units first. Potentials are derivatives of a Gaussian, as
a bipolar electrode sees a travelling source; their reach over the skin falls with the angle from the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float64]"
_Fired: TypeAlias = "tuple[NDArray[np.intp], Floats]"

MUAP_SIGMAS_S = (0.0011, 0.0014, 0.0018, 0.0023)
_MAINS_HZ = 50.0


@dataclass(frozen=True)
class MotorUnitPool:
    """The motor units of one muscle.

    Parameters
    ----------
    n_units
        Number of units, > 0.
    threshold_range
        Ratio of the largest to the smallest recruitment threshold, > 1.
    amplitude_range
        Ratio of the largest to the smallest potential, > 1.
    full_recruitment
        Excitation, in 0..1, at which the last unit is recruited.
    min_rate, peak_rate
        Firing rate in Hz at recruitment and at full excitation.
    isi_cv
        Coefficient of variation of the inter-spike intervals.

    Examples
    --------
    >>> pool = MotorUnitPool(n_units=20)
    >>> drive = np.full(1000, 0.5)
    >>> sum(len(train) for train in pool.trains(drive, 1000.0, np.random.default_rng(0))) > 50
    True
    """

    n_units: int = 24
    threshold_range: float = 30.0
    amplitude_range: float = 12.0
    full_recruitment: float = 0.7
    min_rate: float = 8.0
    peak_rate: float = 30.0
    isi_cv: float = 0.18

    def __post_init__(self) -> None:
        rules = {
            "n_units > 0": self.n_units > 0,
            "threshold_range > 1": self.threshold_range > 1,
            "amplitude_range > 1": self.amplitude_range > 1,
            "0 < full_recruitment < 1": 0 < self.full_recruitment < 1,
            "0 < min_rate <= peak_rate": 0 < self.min_rate <= self.peak_rate,
            "0 <= isi_cv < 0.5": 0 <= self.isi_cv < 0.5,
        }
        broken = ", ".join(rule for rule, holds in rules.items() if not holds)
        if broken:
            raise EmgIoError("no such motor-unit pool", place="MotorUnitPool", expected=broken, found=str(self))

    @property
    def thresholds(self) -> Floats:
        """Recruitment thresholds, (units,), as a fraction of full excitation, smallest first."""
        order = np.arange(1, self.n_units + 1) / self.n_units
        return self.full_recruitment * self.threshold_range**order / self.threshold_range

    @property
    def amplitudes(self) -> Floats:
        """Size of each unit's potential, (units,), the largest 1; it grows with the threshold."""
        order = np.arange(1, self.n_units + 1) / self.n_units
        return self.amplitude_range**order / self.amplitude_range

    def rate(self, excitation: Floats, threshold: float) -> Floats:
        """Return the firing rate in Hz, (time,), of a unit under an excitation (time,) in 0..1."""
        above = excitation - threshold
        slope = (self.peak_rate - self.min_rate) / (1.0 - threshold)
        return np.where(above >= 0, np.minimum(self.min_rate + slope * above, self.peak_rate), 0.0)

    def trains(self, excitation: Floats, sfreq: float, rng: np.random.Generator) -> list[NDArray[np.intp]]:
        """Draw spike trains.

        Parameters
        ----------
        excitation
            (time,) in 0..1.
        sfreq
            Rate of ``excitation`` in Hz.
        rng
            Source of randomness.

        Returns
        -------
        list of ndarray
            One sorted array of sample indices a unit: a renewal process in the unit's own, rate-warped time.
        """
        trains = []
        for threshold in self.thresholds:
            phase = np.cumsum(self.rate(excitation, threshold)) / sfreq
            n_spikes = int(phase[-1]) + 8
            intervals = np.maximum(rng.normal(1.0, self.isi_cv, n_spikes), 0.2)
            events = np.cumsum(intervals) - rng.uniform(0.0, 1.0)
            times = np.searchsorted(phase, events[events > 0])
            trains.append(times[times < len(phase)])
        return trains


@dataclass(frozen=True)
class Muscle:
    """A pool placed under the skin: its angle round the limb in rad, angular spread of its units, its size."""

    angle: float
    spread: float = 0.25
    size: float = 1.0
    pool: MotorUnitPool = MotorUnitPool()


def electrode_gains(unit_angles: Floats, electrode_angles: Floats, reach: float) -> Floats:
    """Return how strongly each electrode sees each unit, (units, channels) in 0..1; ``reach`` is an angle in rad."""
    apart = unit_angles[:, None] - electrode_angles[None, :]
    gains: Floats = np.exp((np.cos(apart) - 1.0) / reach**2)
    return gains


def muap_shapes(sfreq: float) -> Floats:
    """Return the potentials of the four unit kinds, (kinds, time), each with peak 1."""
    half = int(np.ceil(4 * max(MUAP_SIGMAS_S) * sfreq))
    seconds = np.arange(-half, half + 1) / sfreq
    sigmas = np.array(MUAP_SIGMAS_S)[:, None]
    shapes = -seconds / sigmas * np.exp(0.5 - seconds**2 / (2 * sigmas**2))
    return np.asarray(shapes, float)


def surface_emg(
    muscles: Sequence[Muscle],
    excitations: Floats,
    electrode_angles: Floats,
    sfreq: float,
    rng: np.random.Generator,
    *,
    reach: float = 0.55,
    noise: float = 0.02,
    mains: float = 0.01,
) -> Floats:
    """Simulate the surface EMG of several muscles.

    Parameters
    ----------
    muscles
        Where the pools lie.
    excitations
        (muscles, time) in 0..1.
    electrode_angles
        (channels,) rad.
    sfreq
        Hz; 1000 or more keeps the shape of the potentials.
    rng
        Source of randomness: unit positions, kinds, spikes, noise.
    reach
        Angular reach of an electrode, rad, > 0.
    noise, mains
        Standard deviation of the white noise and amplitude of the 50 Hz hum, in units of the largest potential.

    Returns
    -------
    ndarray
        (channels, time), arbitrary unit: 1 is the largest potential right under an electrode.
    """
    if excitations.ndim != 2 or len(excitations) != len(muscles) or not np.all((excitations >= 0) & (excitations <= 1)):
        raise EmgIoError(
            "not the excitations of these muscles",
            place="excitations",
            expected=f"({len(muscles)}, time) in 0..1",
            found=f"{excitations.shape}, {np.min(excitations, initial=0):g}..{np.max(excitations, initial=0):g}",
        )
    n_times, shapes = excitations.shape[1], muap_shapes(sfreq)
    fired: list[list[_Fired]] = [[] for _ in shapes]
    for muscle, excitation in zip(muscles, excitations, strict=True):
        for kind, spikes in _fire(muscle, excitation, electrode_angles, reach, sfreq, rng):
            fired[kind].append(spikes)
    emg: Floats = np.zeros((len(electrode_angles), n_times))
    for units, shape in zip(fired, shapes, strict=True):
        for channel in range(len(emg)):
            train = np.zeros(n_times)
            for places, weights in units:
                np.add.at(train, places, weights[channel])
            emg[channel] += np.convolve(train, shape, mode="same")
    hum = mains * np.sin(2 * np.pi * _MAINS_HZ * np.arange(n_times) / sfreq + rng.uniform(0, 2 * np.pi))
    emg += hum + rng.normal(0.0, noise, emg.shape)
    return emg


def _fire(
    muscle: Muscle,
    excitation: Floats,
    electrode_angles: Floats,
    reach: float,
    sfreq: float,
    rng: np.random.Generator,
) -> Iterator[tuple[int, _Fired]]:
    """Yield, for every unit of a muscle, its kind, when it fired, and its weight on each electrode."""
    pool = muscle.pool
    angles = muscle.angle + rng.normal(0.0, muscle.spread, pool.n_units)
    weights = muscle.size * pool.amplitudes[:, None] * electrode_gains(angles, electrode_angles, reach)
    kinds = rng.integers(0, len(MUAP_SIGMAS_S), pool.n_units).tolist()
    for kind, weight, train in zip(kinds, weights, pool.trains(excitation, sfreq, rng), strict=True):
        yield kind, (train, weight)
