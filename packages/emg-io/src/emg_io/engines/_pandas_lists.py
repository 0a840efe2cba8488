"""Lists of texts and numbers as pandas stores them in HDF5: in Python's pickle spelling, which is read, never run.

A stack machine that knows lists, tuples, dictionaries, texts and numbers. Names of classes and calls become an inert
mark, so nothing is imported and nothing is called.
"""

from __future__ import annotations

import pickletools
from typing import TYPE_CHECKING

from emg_io._errors import EmgIoError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 4 * 2**20


class _Inert:
    """Stands for what is not a plain value: a class, a call; holds the state that an object would be given."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: object = None


def plain_value(data: bytes, file: str, place: str) -> object:
    """Return the list, tuple, text or number that some bytes spell; anything else raises `EmgIoError`."""
    if len(data) > MAX_BYTES:
        raise _bad(file, place, f"{len(data)} bytes")
    machine = _Machine()
    try:
        for operation, argument, _ in pickletools.genops(data):
            machine.step(operation.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, AttributeError, EOFError) as error:
        raise _bad(file, place, ascii(str(error))[:80]) from None
    if len(machine.stack) != 1 or machine.marks:
        raise _bad(file, place, f"{len(machine.stack)} values")
    return machine.stack[0]


def texts(data: bytes, file: str, place: str) -> list[str]:
    """Return a list of texts."""
    return _as_texts(plain_value(data, file, place), file, place)


def text_table(data: bytes, shape: tuple[int, int], file: str, place: str) -> list[list[str]]:
    """Return an array of texts (rows, columns), pickled as objects, column by column; missing ones become ``"nan"``.

    The list of objects runs row by row whatever order the array says it has in memory.
    """
    value = plain_value(data, file, place)
    state = value.state if isinstance(value, _Inert) else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise _bad(file, place, "no array")
    _, found, _, _, items = state
    flat = _as_texts(items, file, place)
    if found not in {shape, shape[:1] if shape[1] == 1 else shape} or len(flat) != shape[0] * shape[1]:
        raise _bad(file, place, f"{len(flat)} texts for shape {shape}")
    return [flat[column :: shape[1]] for column in range(shape[1])]


def _as_texts(value: object, file: str, place: str) -> list[str]:
    """Return a list of texts, which a value must be."""
    if not isinstance(value, list) or not all(isinstance(item, str | float) for item in value):
        raise _bad(file, place, type(value).__name__)
    return [str(item) for item in value]


class _Machine:
    """Values under construction."""

    def __init__(self) -> None:
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}
        self.marks: list[int] = []

    def step(self, name: str, argument: object) -> None:
        """Do one operation; unknown ones raise `ValueError`."""
        if name in _PUSHED:
            self.stack.append(_PUSHED[name](argument))
        elif name in _TUPLES:
            count = _TUPLES[name]
            taken = self.stack[len(self.stack) - count :] if len(self.stack) >= count else None
            del self.stack[len(self.stack) - count :]
            self.stack.append(tuple(taken or ()))
        elif name in {"MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"}:
            self.memo[len(self.memo) if name == "MEMOIZE" else int(str(argument))] = self.stack[-1]
        elif name in {"GET", "BINGET", "LONG_BINGET"}:
            self.stack.append(self.memo[int(str(argument))])
        elif name in _ACTIONS:
            _ACTIONS[name](self)
        elif name not in {"PROTO", "FRAME", "STOP"}:
            raise ValueError(f"operation {name}")

    def since_mark(self) -> list[object]:
        """Take the values above the last mark, and the mark."""
        at = self.marks.pop()
        if at > len(self.stack):
            raise IndexError("mark without its values")
        taken = self.stack[at:]
        del self.stack[at:]
        return taken

    def extend(self, items: list[object]) -> None:
        """Append to the list on top."""
        if not isinstance(self.stack[-1], list):
            raise TypeError("no list to append to")
        self.stack[-1].extend(items)

    def call(self, count: int) -> None:
        """Replace what a call would take by an inert mark."""
        if len(self.stack) < count:
            raise IndexError("nothing to call")
        del self.stack[len(self.stack) - count :]
        self.stack.append(_Inert())

    def build(self) -> None:
        """Keep the state that an object would be given."""
        state = self.stack.pop()
        made = self.stack[-1]
        if not isinstance(made, _Inert):
            raise TypeError("state without an object")
        made.state = state


def _same(argument: object) -> object:
    """Return an argument, which is a value."""
    return argument


_TEXTS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING")
_BYTES = ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8")
_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
_PUSHED: dict[str, Callable[[object], object]] = {
    **dict.fromkeys((*_TEXTS, *_BYTES, *_NUMBERS), _same),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_LIST": lambda _: [],
    "EMPTY_DICT": lambda _: {},
    "EMPTY_TUPLE": lambda _: (),
    "GLOBAL": lambda _: _Inert(),
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_ACTIONS: dict[str, Callable[[_Machine], object]] = {
    "MARK": lambda machine: machine.marks.append(len(machine.stack)),
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.since_mark())),
    "LIST": lambda machine: machine.stack.append(machine.since_mark()),
    "APPENDS": lambda machine: machine.extend(machine.since_mark()),
    "APPEND": lambda machine: machine.extend([machine.stack.pop()]),
    "REDUCE": lambda machine: machine.call(2),
    "STACK_GLOBAL": lambda machine: machine.call(2),
    "BUILD": lambda machine: machine.build(),
}


def _bad(file: str, place: str, found: str) -> EmgIoError:
    """Make the error for a list that is none."""
    expected = f"a list of at most {MAX_BYTES} bytes of texts or numbers in plain pickle spelling"
    return EmgIoError("not a list", file=file, place=place, expected=expected, found=found)
