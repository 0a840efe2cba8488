"""The XML inside XDF files, read with nothing trusted: no DTD, no entities, bounded size, depth and element count."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from emg_io._errors import EmgIoError

MAX_XML_BYTES = 8 * 2**20
MAX_DEPTH = 40
MAX_ELEMENTS = 200_000


@dataclass
class Element:
    """One element: its tag, text and children; attributes are left out, XDF uses none."""

    tag: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, *path: str) -> Element | None:
        """Return the first element on a path of tags below this one."""
        at: Element | None = self
        for tag in path:
            at = next((child for child in at.children if child.tag == tag), None) if at else None
        return at

    def value(self, *path: str) -> str:
        """Return the stripped text of the first element on a path; ``""`` where there is none."""
        found = self.find(*path)
        return found.text.strip() if found else ""


class _Refusal(Exception):  # noqa: N818  never leaves this file
    """What the XML does that is not allowed."""


def parse_xml(data: bytes, file: str, place: str) -> Element:
    """Parse one document.

    Parameters
    ----------
    data
        UTF-8; bytes that are not become replacement characters.
    file, place
        For error messages.

    Returns
    -------
    Element
        The root.

    Raises
    ------
    EmgIoError
        If it is not well formed, declares a document type or entities, or is too large or too deep.
    """
    if len(data) > MAX_XML_BYTES:
        raise EmgIoError("XML is too long", file=file, place=place, expected=f"<= {MAX_XML_BYTES} bytes")
    builder = _Builder()
    text = data.rstrip(b"\0 \r\n\t").decode("utf-8", "replace")
    try:
        builder.parser().Parse(text.encode(), True)  # noqa: FBT003  the signature of expat
    except (expat.ExpatError, _Refusal) as error:
        raise EmgIoError("not readable XML", file=file, place=place, found=str(error)) from None
    return builder.root.children[0]


class _Builder:
    """Collects elements as the parser meets them."""

    def __init__(self) -> None:
        self.root, self._count = Element(""), 0
        self._open = [self.root]

    def parser(self) -> expat.XMLParserType:
        """Return a parser that reports here and refuses declarations."""
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        return parser

    def _start(self, tag: str, _: object) -> None:
        self._count += 1
        if len(self._open) > MAX_DEPTH or self._count > MAX_ELEMENTS:
            raise _Refusal(f"more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements")
        element = Element(tag)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text


def _refuse(*_: object) -> None:
    """Refuse a declaration."""
    raise _Refusal("a document type or entity is declared, which XDF has no use for")
