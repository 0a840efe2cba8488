"""Names of NinaPro's movements, in the order of their labels; 0 is rest.

Exercises A (12), B (17) and C (23) and the nine force patterns are those of Atzori et al., Scientific Data 2014,
1:140053; DB8's are those of Krasoulis et al., Frontiers in Neuroscience 2019, 13:891.
"""

from __future__ import annotations

_FINGERS = ("index", "middle", "ring", "little")
_EXERCISE_A = (
    *(f"{finger} {move}" for finger in _FINGERS for move in ("flexion", "extension")),
    "thumb adduction",
    "thumb abduction",
    "thumb flexion",
    "thumb extension",
)
_EXERCISE_B = (
    "thumb up",
    "extension of index and middle, flexion of the others",
    "flexion of ring and little, extension of the others",
    "thumb opposing base of little finger",
    "abduction of all fingers",
    "fingers flexed together in fist",
    "pointing index",
    "adduction of extended fingers",
    "wrist supination (axis middle finger)",
    "wrist pronation (axis middle finger)",
    "wrist supination (axis little finger)",
    "wrist pronation (axis little finger)",
    "wrist flexion",
    "wrist extension",
    "wrist radial deviation",
    "wrist ulnar deviation",
    "wrist extension with closed hand",
)
_EXERCISE_C = (
    "large diameter grasp",
    "small diameter grasp",
    "fixed hook grasp",
    "index finger extension grasp",
    "medium wrap",
    "ring grasp",
    "prismatic four fingers grasp",
    "stick grasp",
    "writing tripod grasp",
    "power sphere grasp",
    "three finger sphere grasp",
    "precision sphere grasp",
    "tripod grasp",
    "prismatic pinch grasp",
    "tip pinch grasp",
    "quadpod grasp",
    "lateral grasp",
    "parallel extension grasp",
    "extension type grasp",
    "power disk grasp",
    "open a bottle with a tripod grasp",
    "turn a screw",
    "cut something",
)
_DB8 = (
    "thumb flexion/extension",
    "thumb abduction/adduction",
    "index flexion/extension",
    "middle flexion/extension",
    "ring and little flexion/extension",
    "pointing index",
    "cylindrical grip",
    "lateral grip",
    "tripod grip",
)

# DB2 and DB3, exercise 3: the cue is a pattern of bits, one a finger: little 1, ring 2, middle 4, index 8, thumb
# abduction 16, thumb flexion 32. Which bit is which finger follows from the table of the paper (unverified on files).
FORCE_CODES: dict[int, str] = {
    1: "force: little finger flexion",
    2: "force: ring finger flexion",
    4: "force: middle finger flexion",
    6: "force: ring and middle finger flexion",
    8: "force: index finger flexion",
    9: "force: index and little finger flexion",
    16: "force: thumb abduction",
    32: "force: thumb flexion",
    40: "force: index finger and thumb flexion",
}

# DB6 numbers its seven grasps with gaps; which grasp has which number is not established
GRASP_CODES = (1, 3, 4, 6, 9, 10, 11)


def _numbered(*groups: tuple[str, ...]) -> dict[int, str]:
    """Give names numbers from 1, 0 being rest."""
    return dict(enumerate(("rest", *(name for group in groups for name in group))))


MOVEMENTS_52 = _numbered(_EXERCISE_A, _EXERCISE_B, _EXERCISE_C)
MOVEMENTS_49 = _numbered(_EXERCISE_B, _EXERCISE_C, tuple(FORCE_CODES.values()))
MOVEMENTS_40 = _numbered(_EXERCISE_B, _EXERCISE_C)
GRASPS_7 = {0: "rest"} | {code: f"grasp {code}" for code in GRASP_CODES}
MOVEMENTS_9 = _numbered(_DB8)
