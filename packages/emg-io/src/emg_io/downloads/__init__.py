"""Downloads that are complete or raise."""

from ._catalogue import CATALOGUE, Publication, Remote
from ._get import get
from ._http import Patience

__all__ = ["CATALOGUE", "Patience", "Publication", "Remote", "get"]
