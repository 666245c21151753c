# SPDX-License-Identifier: GPL-2.0-or-later
"""Running compiled units inside CPython. `load` compiles and loads a source; see compiler/host/jit.py."""

from compiler.host.jit import CheckFailed, CompiledError, SourceErrors, Unit, load

__all__ = ["CheckFailed", "CompiledError", "SourceErrors", "Unit", "load"]
