"""Passes from the importer's dialect to the canonical one; `canonicalise` runs them all."""

from ._absorb import ABSORB
from ._affine import AFFINE
from ._attention import ATTENTION
from ._canonicalise import PASSES, canonicalise, is_canonical
from ._concat import CONCAT
from ._convolution import CONVOLUTION
from ._fold import FOLD
from ._given import GIVEN, REGRID
from ._grouped import GROUPED
from ._identity import IDENTITY
from ._isnan import ISNAN
from ._layernorm import LAYERNORM
from ._layout import LAYOUT
from ._linear import LINEAR
from ._matmul import MATMUL
from ._movement import MOVEMENT_PASS
from ._names import NAMES
from ._pairwise import PAIRWISE
from ._pass import Notes, Pass
from ._pool import POOL
from ._recurrent import RECURRENT
from ._reduce import REDUCE
from ._rmsnorm import RMSNORM
from ._softmax import PROBABILITIES, SOFTMAX
from ._spelling import SPELLING
from ._table import FUSE, TABLE
from ._where import WHERE

__all__ = [
    "ABSORB",
    "AFFINE",
    "ATTENTION",
    "CONCAT",
    "CONVOLUTION",
    "FOLD",
    "FUSE",
    "GIVEN",
    "GROUPED",
    "IDENTITY",
    "ISNAN",
    "LAYERNORM",
    "LAYOUT",
    "LINEAR",
    "MATMUL",
    "MOVEMENT_PASS",
    "NAMES",
    "PAIRWISE",
    "PASSES",
    "POOL",
    "PROBABILITIES",
    "RECURRENT",
    "REDUCE",
    "REGRID",
    "RMSNORM",
    "SOFTMAX",
    "SPELLING",
    "TABLE",
    "WHERE",
    "Notes",
    "Pass",
    "canonicalise",
    "is_canonical",
]
