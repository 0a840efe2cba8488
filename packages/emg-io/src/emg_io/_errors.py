"""The one error of the package: it names the file, the place in it, what was expected and what was found."""

from __future__ import annotations


class EmgIoError(ValueError):
    """Bad data or a request that data cannot satisfy.

    Parameters
    ----------
    problem
        What is wrong and what to do, one sentence.
    file
        File (or ``archive::member``) the problem lies in.
    place
        Line, byte offset, field or argument inside the file.
    expected, found
        The rule, and what stands there instead.

    Attributes
    ----------
    problem, file, place, expected, found
        As given; ``None`` where a part does not apply.

    Examples
    --------
    >>> str(EmgIoError("bad label", file="a.txt", place="line 3, column class", expected="0..7", found="9"))
    'a.txt, line 3, column class: bad label: expected 0..7, found 9'
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | None = None,
        place: str | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        self.problem, self.file, self.place, self.expected, self.found = problem, file, place, expected, found
        where = ", ".join(part for part in (file, place) if part)
        clash = ", ".join(f"{word} {text}" for word, text in (("expected", expected), ("found", found)) if text)
        super().__init__(": ".join(part for part in (where, problem, clash) if part))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.problem, self.file, self.place, self.expected, self.found)


def _rebuild(problem: str, file: str | None, place: str | None, expected: str | None, found: str | None) -> EmgIoError:
    """Make the error anew in another process."""
    return EmgIoError(problem, file=file, place=place, expected=expected, found=found)
