"""How small each data set is forged for the tests, and where real recordings lie below EMG_DATA."""

DEFAULT = {"n_subjects": 2}
FORGED = {
    "capgmyo-a": {"n_subjects": 2, "segment_s": 0.1},
    "capgmyo-b": {"n_subjects": 1, "segment_s": 0.1},
    "capgmyo-c": {"n_subjects": 2, "segment_s": 0.1},
    "csl-hdemg": {"n_subjects": 2, "segment_s": 0.05},
    "epn-612": {"n_subjects": 2, "segment_s": 0.6},
    "flexemg": {"n_subjects": 2, "segment_s": 0.1, "gap_s": 0.1},
    "fors-emg": {"n_subjects": 2, "n_gestures": 3},
    "gaddy": {"n_subjects": 1, "segment_s": 0.05},
    "grabmyo": {"n_subjects": 2, "n_gestures": 2},
    "hyser": {"n_subjects": 1, "n_gestures": 2},
    "myo-armband": {"n_subjects": 2, "segment_s": 0.4},
    "ninapro-db1": {"n_subjects": 3, "segment_s": 0.6, "gap_s": 0.4},
    "ninapro-db2": {"n_subjects": 2, "segment_s": 0.2, "gap_s": 0.1},
    "ninapro-db3": {"n_subjects": 2, "segment_s": 0.2, "gap_s": 0.1},
    "ninapro-db4": {"n_subjects": 2, "segment_s": 0.2, "gap_s": 0.1},
    "ninapro-db5": {"n_subjects": 2, "segment_s": 0.2, "gap_s": 0.1},
    "ninapro-db6": {"n_subjects": 2, "segment_s": 0.2, "gap_s": 0.1},
    "ninapro-db7": {"n_subjects": 2, "segment_s": 0.2, "gap_s": 0.1},
    "ninapro-db8": {"n_subjects": 2, "segment_s": 0.2, "gap_s": 0.1},
    "one-subject-myo": {"n_subjects": 2, "segment_s": 0.3},
    "openhdemg": {"n_subjects": 3, "segment_s": 0.3},
    "uci": {"n_subjects": 6},
    "wfdb": {"n_subjects": 9},
    "xdf": {"n_subjects": 6},
}
REAL = {
    "flexemg": "flexemg",
    "myo-armband": "myo_armband_dataset",
    "ninapro-db1": "ninapro_db1",
    "one-subject-myo": "libemg_one_subject_myo",
    "openhdemg": "openhdemg_sample",
    "uci": "uci_emg_gestures.zip",
}
