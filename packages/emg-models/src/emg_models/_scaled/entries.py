"""The rows of the scaled Transformers in the registry."""

from emg_models._entry import ModelEntry

from .encoder import ScaledTransformerEncoder
from .heads import ScaledTransformerClassifier, ScaledTransformerCTC

__all__ = ["ENTRIES"]

_SOURCE = "arXiv 2507.22094; layers by independent re-implementations, no code or weights known to us"
_OURS = "ours, between the published Small and Large of arXiv 2507.22094"


def _entry(summary: str, n_blocks: int, embed_dim: int, source: str = _SOURCE) -> ModelEntry:
    return ModelEntry(
        summary=f"Scaled Transformer {summary}: {n_blocks} blocks of width {embed_dim} over raw signals, CTC",
        source=source,
        licence="Apache-2.0 (code); no published weights are known to us",
        models=(ScaledTransformerCTC, ScaledTransformerEncoder, ScaledTransformerClassifier),
        settings={"n_blocks": n_blocks, "embed_dim": embed_dim},
    )


ENTRIES: dict[str, ModelEntry] = {
    "scaled-transformer-base": _entry("Base", 8, 768, _OURS),
    "scaled-transformer-large": _entry("Large", 8, 1024),
    "scaled-transformer-medium": _entry("Medium", 8, 512, _OURS),
    "scaled-transformer-small": _entry("Small", 6, 256),
    "scaled-transformer-tiny": _entry("Tiny", 10, 128),
}
