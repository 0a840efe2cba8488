"""A small form of every model, for the contract: fields that keep its kind and shrink its size.

One row per name of the registry and task; "n_outputs" is given where the task has outputs. ``stream`` adds what makes a
model stream.
"""

WINDOW = {"n_chans": 8, "n_times": 60, "sfreq": 60.0, "embed_dim": 32, "n_heads": 2}

POSE = {"n_chans": 8, "n_times": 43, "n_outputs": 5, "sfreq": 200.0, "width": 16, "block_channels": 4, "hidden": 12}
POSE |= {"kernels": (5, 4, 3), "strides": (2, 2, 2), "block_kernels": (3, 2), "stage_blocks": 1, "n_features": 6}
NEUROPOSE = {"n_chans": 8, "n_times": 50, "n_outputs": 5, "sfreq": 50.0, "widths": (4, 6), "time_factors": (5, 2)}

TDS = {"n_chans": 8, "n_times": 120, "n_outputs": 6, "sfreq": 60.0, "window": 8, "hop": 4, "mlp_width": 12}

GESTURES = {"n_chans": 8, "n_times": 240, "n_outputs": 9, "sfreq": 240.0}
SPEECH = {"n_chans": 8, "n_times": 120, "sfreq": 120.0, "embed_dim": 32, "n_heads": 2, "n_blocks": 2}
GRID = {"rows": 6, "cols": 5, "n_outputs": 6}

SCALED = {"n_chans": 4, "n_times": 800, "sfreq": 2000.0, "n_heads": 4, "position_groups": 4, "position_kernel": 16} | {
    "conv_widths": (16, 8, 8)
}
WRITING = {"electrodes": 6, "bands": 2, "n_times": 60, "n_outputs": 5, "contexts": (4, 3), "strides": (1, 2)}
WRIST = {"electrodes": 7, "bands": 2, "n_times": 12, "n_outputs": 2}

SMALL = {
    **{
        (f"scaled-transformer-{size}", task): SCALED | {"n_blocks": 2, "embed_dim": 16, "n_outputs": n_outputs}
        for size in ("tiny", "small", "medium", "base", "large")
        for task, n_outputs in (("ctc", 9), ("tokens", None), ("classification", 6))
    },
    ("allconvnet", "classification"): GRID,
    ("allconvnet-bn", "classification"): GRID,
    ("gengnet", "classification"): GRID,
    ("sconvnet", "classification"): GRID | {"width": 8, "hidden": 16},
    ("neuromotor-handwriting", "ctc"): WRITING | {"width": 16, "hidden": 24, "n_heads": 2, "kernel_size": 3},
    ("neuromotor-wrist", "regression"): WRIST | {"width": 24, "n_layers": 2},
    ("neuromotor-gestures", "events"): GESTURES | {"n_times": 91, "width": 24, "n_layers": 2},
    ("emg2pose", "regression"): POSE | {"rollout_rate": 50.0},
    ("neuropose", "regression"): NEUROPOSE | {"chan_pools": (2, 4), "chan_repeats": (4, 2), "n_blocks": 2},
    ("vemg2pose", "regression"): POSE | {"rollout_rate": 50.0, "position_time": 0.06},
    ("tds-emg2qwerty", "ctc"): TDS | {"block_channels": 4, "kernel": 4, "n_blocks": 2},
    ("tinymyo", "classification"): WINDOW | {"n_outputs": 6, "n_blocks": 2},
    ("tinymyo", "regression"): WINDOW | {"n_outputs": 5, "n_blocks": 2},
    ("tinymyo", "events"): WINDOW | {"n_outputs": 9, "n_blocks": 2},
    ("tinymyo", "tokens"): WINDOW | {"n_blocks": 2},
    ("tinymyo", "reconstruction"): WINDOW | {"n_blocks": 2},
    ("tinymyo-released", "classification"): WINDOW | {"n_outputs": 6, "n_blocks": 2},
    ("tinymyo-released", "regression"): WINDOW | {"n_outputs": 5, "n_blocks": 2},
    ("tinymyo-released", "events"): WINDOW | {"n_outputs": 9, "n_blocks": 2},
    ("tinymyo-released", "tokens"): WINDOW | {"n_blocks": 2},
    ("tinymyo-released", "reconstruction"): WINDOW | {"n_blocks": 2},
    ("tinymyo-neuromotor", "events"): GESTURES | {"embed_dim": 32, "n_heads": 2, "n_blocks": 2},
    ("tinymyo-speech-production", "speech"): SPEECH | {"n_outputs": 9, "n_phonemes": 4},
    ("tinymyo-speech-recognition", "ctc"): SPEECH | {"n_outputs": 7},
    ("tinyissimomyo", "classification"): WINDOW | {"n_outputs": 6, "n_blocks": 2},
    ("tinyissimomyo", "regression"): WINDOW | {"n_outputs": 5, "n_blocks": 2},
    ("tinyissimomyo", "events"): WINDOW | {"n_outputs": 9, "n_blocks": 2},
    ("tinyissimomyo", "tokens"): WINDOW | {"n_blocks": 2},
    ("tinyissimomyo", "reconstruction"): WINDOW | {"n_blocks": 2},
}
STREAM: dict[tuple[str, str], dict[str, object]] = {
    ("tds-emg2qwerty", "ctc"): {},
    **{
        (f"scaled-transformer-{size}", task): {"context": 5, "feature_norm": "running"}
        for size in ("tiny", "small", "medium", "base", "large")
        for task in ("ctc", "tokens")
    },
    ("neuromotor-gestures", "events"): {},
    ("neuromotor-handwriting", "ctc"): {},
    ("neuromotor-wrist", "regression"): {},
    ("tinymyo-neuromotor", "events"): {"context": 5},
}
