"""Names of the 52 movements of NinaPro DB1, in the order of their labels (exercise A 12, B 17, C 23); 0 is rest."""

from __future__ import annotations

_FINGERS = ("index", "middle", "ring", "little")
_EXERCISE_1 = (
    *(f"{finger} {move}" for finger in _FINGERS for move in ("flexion", "extension")),
    "thumb adduction",
    "thumb abduction",
    "thumb flexion",
    "thumb extension",
)
_EXERCISE_2 = (
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
_EXERCISE_3 = (
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

MOVEMENTS: dict[int, str] = dict(enumerate(("rest", *_EXERCISE_1, *_EXERCISE_2, *_EXERCISE_3)))
