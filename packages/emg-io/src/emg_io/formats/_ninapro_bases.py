"""The table of NinaPro's data bases: who, how many, how fast, where, and what each calls its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emg_io._layout import Layout

from ._ninapro_names import GRASPS_7, MOVEMENTS_9, MOVEMENTS_40, MOVEMENTS_49, MOVEMENTS_52

if TYPE_CHECKING:
    from collections.abc import Mapping

_ATZORI = (
    "Atzori et al., Electromyography data for non-invasive naturally-controlled robotic hand prostheses, "
    "Scientific Data 2014, 1:140053",
    "10.1038/sdata.2014.53",
)
_PIZZOLATO = (
    "Pizzolato et al., Comparison of six electromyography acquisition setups on hand movement classification tasks, "
    "PLoS ONE 2017, 12(10):e0186132",
    "10.1371/journal.pone.0186132",
)
_PALERMO = (
    "Palermo et al., Repeatability of grasp recognition for robotic hand prosthesis control based on sEMG data, "
    "ICORR 2017",
    "10.1109/ICORR.2017.8009405",
)
_KRASOULIS_2017 = (
    "Krasoulis et al., Improved prosthetic hand control with concurrent use of myoelectric and inertial measurements, "
    "J. NeuroEngineering and Rehabilitation 2017, 14:71",
    "10.1186/s12984-017-0284-4",
)
_KRASOULIS_2019 = (
    "Krasoulis et al., Effect of user practice on prosthetic finger control with an intuitive myoelectric decoder, "
    "Frontiers in Neuroscience 2019, 13:891",
    "10.3389/fnins.2019.00891",
)

_DB8_HZ = 1111.0  # rate of its electrodes; the publisher upsampled
SPARE = (8, 9)  # columns of DB6's files that no electrode was plugged into (loader code)

_DB1 = Layout.ring_and_points(
    8, 2, "ring of 8 at the radio-humeral joint, then flexor and extensor digitorum superficialis"
)
_TRIGNO = Layout.ring_and_points(
    8, 4, "ring of 8 at the radio-humeral joint, then flexor and extensor digitorum, biceps, triceps"
)
_TWO_MYOS = Layout.rings((8, 8), "two Myo armbands, the lower one turned by about half a sensor pitch (unverified)")
_DB6 = Layout.rings((8, 6), "ring of 8 at the radio-humeral joint, 6 below it")
_DB8 = Layout.rings((8, 8), "two rings of 8 at the radio-humeral joint, right forearm")


@dataclass(frozen=True)
class Base:
    """One NinaPro data base.

    Attributes
    ----------
    number
        1 to 8.
    n_subjects, n_repetitions
        Subjects, and repetitions of a movement, as published.
    exercises
        Movements per exercise; their labels count on over the exercises here.
    channels
        Numbers of EMG channels that occur, the usual one first.
    sfreq
        Rate in Hz (nominal: the files hold none).
    unit, limits
        Unit, and the least and largest sample in it: beyond them a file is damaged or of another base. Wide where the
        unit is not verified.
    layout
        Electrode layout for the usual number of channels.
    names
        Meaning of the labels.
    reference
        Citation and DOI.
    files
        What file names count: ``"exercise"``, ``"day"`` (DB6) or ``"acquisition"`` (DB8).
    continues
        Whether labels go on counting in exercise 2 and 3 of the files, where a file does not tell.
    force_exercise
        The exercise whose labels are patterns of bits, or 0.
    n_stored
        Columns of ``emg`` in the file where two are spare and dropped to leave ``channels``, or 0.
    has_acc, has_gyro
        Whether accelerometers and gyroscopes are recorded beside the EMG.
    glove
        Columns of ``glove``, 0 where there is none.
    remarks
        Metadata of every recording.
    """

    number: int
    n_subjects: int
    n_repetitions: int
    exercises: tuple[int, ...]
    channels: tuple[int, ...]
    sfreq: float
    layout: Layout
    names: Mapping[int, str] = field(repr=False, hash=False)
    reference: tuple[str, str] = field(repr=False)
    unit: str = "V"
    limits: tuple[float, float] = (-1e6, 1e6)
    files: str = "exercise"
    continues: bool = False
    force_exercise: int = 0
    n_stored: int = 0
    has_acc: bool = False
    has_gyro: bool = False
    glove: int = 0
    remarks: Mapping[str, object] = field(default_factory=dict, repr=False, hash=False)

    @property
    def verified(self) -> bool:
        """Whether the reader was checked against real files of the data base."""
        return self.number == 1

    @property
    def name(self) -> str:
        """Registry key."""
        return f"ninapro-db{self.number}"

    def before(self, exercise: int) -> int:
        """Return the number of movements in the exercises before one (1, 2, ...)."""
        return sum(self.exercises[: exercise - 1])


_ABC = (12, 17, 23)
_BCD = (17, 23, 9)

BASES = (
    Base(
        1,
        27,
        10,
        _ABC,
        (10,),
        100.0,
        _DB1,
        MOVEMENTS_52,
        _ATZORI,
        limits=(0.0, 5.0),
        glove=22,
        remarks={"signal": "rectified and smoothed by the electrode: an envelope, never negative"},
    ),
    Base(
        2,
        40,
        6,
        _BCD,
        (12,),
        2000.0,
        _TRIGNO,
        MOVEMENTS_49,
        _ATZORI,
        continues=True,
        force_exercise=3,
        has_acc=True,
        glove=22,
    ),
    Base(
        3,
        11,
        6,
        _BCD,
        (12, 10),
        2000.0,
        _TRIGNO,
        MOVEMENTS_49,
        _ATZORI,
        continues=True,
        force_exercise=3,
        has_acc=True,
        glove=22,
        remarks={"subject": "hand amputee; some did fewer movements"},
    ),
    Base(4, 10, 6, _ABC, (12,), 2000.0, _TRIGNO, MOVEMENTS_52, _PIZZOLATO),
    Base(
        5,
        10,
        6,
        _ABC,
        (16,),
        200.0,
        _TWO_MYOS,
        MOVEMENTS_52,
        _PIZZOLATO,
        unit="adc",
        limits=(-128.0, 127.0),
        has_acc=True,
        glove=22,
        remarks={"unit": "Myo counts (unverified)"},
    ),
    Base(
        6,
        10,
        12,
        (7,),
        (14,),
        2000.0,
        _DB6,
        GRASPS_7,
        _PALERMO,
        files="day",
        n_stored=16,
        has_acc=True,
        remarks={"labels": "the files' own numbers, which have gaps; which grasp is which is not established"},
    ),
    Base(
        7,
        22,
        6,
        (17, 23),
        (12,),
        2000.0,
        _TRIGNO,
        MOVEMENTS_40,
        _KRASOULIS_2017,
        continues=True,
        has_acc=True,
        has_gyro=True,
        glove=18,
    ),
    Base(
        8,
        12,
        10,
        (9,),
        (16,),
        2000.0,
        _DB8,
        MOVEMENTS_9,
        _KRASOULIS_2019,
        files="acquisition",
        has_acc=True,
        has_gyro=True,
        glove=18,
        remarks={
            "clock": "2000 Hz in the file (nominal), upsampled by the publisher from 1111 Hz (EMG), 148 Hz (acc, gyro) "
            "and 74 Hz (mag): EMG content ends near 555 Hz",
            "information_rate_hz": _DB8_HZ,
            "glove": "worn on the hand opposite to the sensors; rows may be NaN and are kept",
            "doa": "five degrees of actuation, a fixed matrix of the glove (unit of the glove; unverified)",
        },
    ),
)
