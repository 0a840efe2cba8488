"""The synthetic source: physiology that holds, bytes that repeat, gestures that can be learnt but not for free."""

import hashlib

import numpy as np
import pytest

from emg_io import EmgIoError, MotorUnitPool, Muscle, open_dataset, surface_emg, synthesize
from emg_io.forging._motor import electrode_gains, muap_shapes

RNG = np.random.default_rng


def test_units_are_recruited_by_size_and_fire_faster_with_effort():
    pool = MotorUnitPool()
    assert np.all(np.diff(pool.thresholds) > 0)
    assert pool.thresholds[-1] == pytest.approx(0.7)
    assert pool.amplitudes[-1] / pool.amplitudes[0] == pytest.approx(12 ** (1 - 1 / 24))
    counts = [[len(t) for t in pool.trains(np.full(20_000, level), 1000.0, RNG(0))] for level in (0.1, 0.4, 0.9)]
    for level, row in zip((0.1, 0.4, 0.9), counts, strict=True):
        assert [bool(n) for n in row] == (pool.thresholds <= level).tolist()
    assert counts[0][0] < counts[1][0] < counts[2][0]
    assert 8 <= counts[0][0] / 20 <= 30


def test_firing_statistics():
    pool = MotorUnitPool(n_units=1, threshold_range=2.0, full_recruitment=0.1)
    train = pool.trains(np.full(400_000, 0.5), 1000.0, RNG(1))[0]
    intervals = np.diff(train) / 1000.0
    rate = pool.rate(np.array([0.5]), pool.thresholds[0])[0]
    assert 1 / intervals.mean() == pytest.approx(rate, rel=0.02)
    assert intervals.std() / intervals.mean() == pytest.approx(0.18, rel=0.05)


def test_potentials_and_reach():
    shapes = muap_shapes(1000.0)
    assert np.allclose(np.abs(shapes).max(axis=1), 1.0, atol=0.1)
    assert np.allclose(shapes.sum(axis=1), 0.0, atol=1e-9)
    angles = 2 * np.pi * np.arange(8) / 8
    gains = electrode_gains(np.array([0.0]), angles, 0.5)[0]
    assert gains[0] == 1.0
    assert np.allclose(gains[1:4], gains[:4:-1])
    assert np.all(np.diff(gains[:5]) < 0)
    emg = surface_emg([Muscle(0.0)], np.full((1, 4000), 0.6), angles, 1000.0, RNG(0), noise=0.0, mains=0.0)
    assert emg.std(axis=1).argmax() == 0
    assert emg.std(axis=1).argmin() in {3, 4, 5}


@pytest.mark.parametrize(("arguments", "message"), [
    ({"n_units": 0}, r"no such motor-unit pool: expected n_units > 0"),
    ({"threshold_range": 1.0, "isi_cv": 0.9}, r"expected threshold_range > 1, 0 <= isi_cv < 0\.5"),
    ({"min_rate": 40.0}, r"0 < min_rate <= peak_rate"),
])  # fmt: skip
def test_impossible_pools(arguments, message):
    with pytest.raises(EmgIoError, match=message):
        MotorUnitPool(**arguments)


@pytest.mark.parametrize("wrong", [np.zeros((2, 9)), np.zeros(9), np.full((1, 9), 1.5), np.full((1, 9), np.nan)])
def test_impossible_excitations(wrong):
    with pytest.raises(EmgIoError, match=r"excitations: not the excitations.*\(1, time\) in 0\.\.1"):
        surface_emg([Muscle(0.0)], wrong, np.zeros(4), 1000.0, RNG(0))


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(p.relative_to(folder).as_posix(), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


@pytest.mark.parametrize("name", ["uci", "ninapro-db1"])
def test_same_seed_same_bytes(tmp_path, name):
    options = {"n_subjects": 1, "segment_s": 0.4, "gap_s": 0.3}
    one, two, three = (synthesize(tmp_path / k, name, seed=s, **options) for k, s in (("a", 1), ("b", 1), ("c", 2)))
    assert digest(one) == digest(two)
    assert digest(one) != digest(three)


def test_gestures_are_learnable_across_subjects_but_not_for_free(tmp_path, oracles):
    """Nearest centroid on the RMS of 1 s windows, subjects disjoint."""
    scores = []
    for seed in (0, 1):
        dataset = open_dataset(synthesize(tmp_path / str(seed), n_subjects=8, seed=seed))
        rms, labels, subjects = oracles.rms_windows(dataset, range(1, 7), 100.0)
        for fold in range(2):
            test = np.isin(subjects, dataset.subjects[fold::2])
            scores.append(oracles.nearest_centroid(rms[~test], labels[~test], rms[test], labels[test]))
    assert 0.80 <= np.mean(scores) <= 0.95


@pytest.mark.parametrize(("arguments", "message"), [
    ({"format": "nonsense"}, "unknown format"),
    ({"n_subjects": 0}, r"cannot forge that: expected 1\.\.99 and >= 0, found 0, 0"),
    ({"seed": -1}, "cannot forge that"),
    ({"segment": 1.0}, "unknown option: expected segment_s, gap_s, variation, found segment"),
    ({"gap_s": 0.0}, "gap_s: option out of range"),
    ({"variation": float("nan")}, "variation: option out of range"),
])  # fmt: skip
def test_bad_requests(tmp_path, arguments, message):
    with pytest.raises(EmgIoError, match=message):
        synthesize(tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()


def test_output_that_exists_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(EmgIoError, match=r"output exists"):
        synthesize(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failing_forge_leaves_nothing(tmp_path, monkeypatch):
    from emg_io.formats._forges import uci as _uci_forge

    monkeypatch.setattr(_uci_forge, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match=r"disk full"):
        synthesize(tmp_path / "x", n_subjects=1)
    assert not list(tmp_path.iterdir())


def test_options_that_a_layout_does_not_have_are_refused(tmp_path):
    with pytest.raises(EmgIoError, match=r"options: unknown option: expected segment_s, .*variation, found gap_s"):
        synthesize(tmp_path / "x", "3dc", gap_s=1.0)
    assert not (tmp_path / "x").exists()
