"""Gestures of Hyser's pattern-recognition part, numbered as in its label files."""

_FINGERS = ("thumb", "index", "middle", "ring", "little")
_WRIST = ("flexion", "extension", "radial deviation", "ulnar deviation", "pronation", "supination")
_NAMES = (
    *(f"{finger} extension" for finger in _FINGERS),
    *(f"wrist {move}" for move in _WRIST),
    "thumb and index extension",
    "index and middle extension",
    *(f"hand close with {move}" for move in _WRIST),
    *(f"hand open with {move}" for move in _WRIST),
    "thumb, index and middle extension",
    "index, middle and ring extension",
    "middle, ring and little extension",
    "index, middle, ring and little extension",
    "hand close",
    "hand open",
    "thumb-index pinch",
    "thumb-index-middle pinch",
    "thumb-middle pinch",
)
GESTURES = dict(enumerate(_NAMES, start=1))
