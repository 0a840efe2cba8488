"""Printing C: kernels are real files, calls and tables are generated."""

from ._names import check_name
from ._project import constant_bytes, emit_project, kernel_sources

__all__ = ["check_name", "constant_bytes", "emit_project", "kernel_sources"]
