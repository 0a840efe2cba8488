"""The card: what the Hub reads of it, what a reader sees, and that no text breaks out of its place."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emg_models import EmgModelsError, create_model
from emg_models._card import _code, _scalar, model_card

EVALUATION = {
    "protocol": "toy/subject-disjoint",
    "part": "test",
    "split_hash": "5ab",
    "split_seed": 3,
    "seed": 7,
    "date": "2026-11-21",
    "command": "emg-distill evaluate folder",
    "metrics": {"accuracy": 0.875, "macro_f1": 0.5, "per_class": [1, 2]},
    "recipe": {"lr": 0.1},
}


@pytest.fixture
def card(small_model, describe, labels):
    def make(evaluation=None, licence=None, names=labels, **changes):
        return model_card(small_model, describe(small_model.config, **changes), names, evaluation, licence)

    return make


def front(text):
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)[1])


def test_front_matter_is_the_hubs(card):
    repocard = pytest.importorskip("huggingface_hub")
    text = card(EVALUATION, "cc-by-4.0")
    data = repocard.ModelCard(text).data
    found = {(result.metric_type, result.metric_value) for result in data.eval_results}
    assert found == {("accuracy", 0.875), ("macro_f1", 0.5)}
    assert {result.dataset_name for result in data.eval_results} == {"toy/subject-disjoint"}
    assert {result.dataset_split for result in data.eval_results} == {"test"}
    assert {result.task_type for result in data.eval_results} == {"time-series-classification"}
    assert (data.license, data.library_name, data.metrics) == ("cc-by-4.0", "emg-models", ["accuracy", "macro_f1"])
    assert data.tags == ["emg", "semg", "electromyography", "classification"]


def test_nothing_is_said_that_is_not_known(card):
    text = card()
    assert set(front(text)) == {"library_name", "tags"}
    assert "Measured" not in text
    assert "Nothing was measured on these weights; they may be untrained." in text
    assert "The terms of the weights are not stated here" in text
    with pytest.raises(EmgModelsError, match=r"licence='a\\nb': an identifier of the Hub"):
        card(licence="a\nb")


def test_what_is_known_is_shown(card):
    text = card(EVALUATION, "apache-2.0")
    for part in (
        "| `class` | `TinyMyoClassifier` |",
        "| `task` | `classification` |",
        "| `input of one example` | `8 × 100` |",
        "| `window` | `100 samples (1 s), every 25` |",
        "| `resampling` | `hold to 100 Hz` |",
        "| `filter` | `1 second-order sections, causal` |",
        "| `normalisation` | `zscore` |",
        "| `0` | `rest` |",
        "| `accuracy` | `0.875` |",
        "| `seed` | `7` |",
        "| `command` | `emg-distill evaluate folder` |",
        "under those conditions alone",
    ):
        assert part in text, part
    assert "recipe" not in text
    assert "live system" not in text


def test_a_flat_evaluation_is_read_too(card):
    text = card({"accuracy": 0.5, "seed": 3, "dataset": "x"})
    assert front(text)["metrics"] == ["accuracy"]
    assert front(text)["model-index"][0]["results"][0]["dataset"] == {"name": "x", "type": "x"}
    assert "| `seed` | `3` |" in text
    assert front(card({"accuracy": 0.5}))["model-index"][0]["results"][0]["dataset"]["name"] == "not stated"


def test_what_keeps_a_model_from_running_live_is_said(card):
    text = card(
        filter={"kind": "sos", "causal": False, "sos": [[1, 0, 0, 1, 0, 0]]},
        normalisation={"kind": "zscore-recording", "ddof": 1},
        resample=None,
        note="as is",
    )
    assert "zero phase (forward and backward)" in text
    assert text.count("not those of a live system") == 2
    assert "| `note` | `as is` |" in text
    assert "| `filter` | `none` |" in card(filter=None, normalisation=None)


def test_models_of_other_kinds(describe):
    grid = create_model("sconvnet", rows=2, cols=3, n_outputs=2, width=2, hidden=2)
    text = model_card(grid, describe(grid.config), ["a", "b"], None)
    assert "| `grid` | `2 × 3` |" in text
    bare = create_model("tinymyo", n_outputs=None, n_chans=2, n_times=40, embed_dim=8, n_heads=2, n_blocks=1)
    assert "| `tokens` | `no labels` |" in model_card(bare, describe(bare.config), [], None)


NASTY = [
    "a\n---\nlicense: mit",
    '"',
    "`x` ``y``",
    "|",
    "<script>",
    "](http://x)",
    "\u2028# h",
    "\x00\x85",
    "\ud800",
    "\\",
    "`",
    "",
    " ",
]


def test_text_from_outside_does_not_break_out(card):
    evaluation = {"dataset": NASTY[0], "note": NASTY[0], "metrics": dict.fromkeys(NASTY, 0.5)}
    text = card(evaluation, names=NASTY[:6], channels=[f"{index}{name}" for index, name in enumerate(NASTY[:8])])
    plain = card({"dataset": "d", "note": "n", "metrics": {f"m{index}": 0.5 for index in range(len(NASTY))}})
    assert text.count("\n") == plain.count("\n")
    assert front(text).keys() == front(plain).keys()
    assert front(text)["model-index"][0]["results"][0]["dataset"]["name"] == NASTY[0]
    assert "license" not in front(text)
    assert text.encode()


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.text(st.characters(), max_size=30) | st.sampled_from(NASTY))
def test_scalars_and_cells(text):
    """Laws: YAML gives back the text itself; a cell is one line, one code span, and no bar in it ends the cell."""
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(_scalar(text)) == text
    cell = _code(text)
    fence = re.match("`+", cell)[0]
    assert cell.isprintable()
    assert "|" not in cell
    assert cell.endswith(fence)
    inner = cell[len(fence) : -len(fence)]
    assert fence not in re.findall("`+", inner)
