"""A small form of every model, for the contract: fields that keep its kind and shrink its size.

One row per name of the registry and task; "n_outputs" is given where the task has outputs. ``stream`` adds what makes a
model stream.
"""

WINDOW = {"n_chans": 8, "n_times": 60, "sfreq": 60.0, "embed_dim": 32, "n_heads": 2}

TDS = {"n_chans": 8, "n_times": 120, "n_outputs": 6, "sfreq": 60.0, "window": 8, "hop": 4, "mlp_width": 12}

SMALL = {
    ("tds-emg2qwerty", "ctc"): TDS | {"block_channels": 4, "kernel": 4, "n_blocks": 2},
    ("tinymyo", "classification"): WINDOW | {"n_outputs": 6, "n_blocks": 2},
    ("tinymyo", "tokens"): WINDOW | {"n_blocks": 2},
    ("tinymyo", "reconstruction"): WINDOW | {"n_blocks": 2},
    ("tinymyo-released", "classification"): WINDOW | {"n_outputs": 6, "n_blocks": 2},
    ("tinymyo-released", "tokens"): WINDOW | {"n_blocks": 2},
    ("tinymyo-released", "reconstruction"): WINDOW | {"n_blocks": 2},
    ("tinyissimomyo", "classification"): WINDOW | {"n_outputs": 6, "n_blocks": 2},
    ("tinyissimomyo", "tokens"): WINDOW | {"n_blocks": 2},
    ("tinyissimomyo", "reconstruction"): WINDOW | {"n_blocks": 2},
}
STREAM: dict[tuple[str, str], dict[str, object]] = {}
