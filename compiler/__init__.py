# SPDX-License-Identifier: GPL-2.0-or-later
"""The Pykaros compiler: a typed Python subset to x86_64 and RISC-V objects.

Stages, in the order in which a source passes through them: `syntax` (parse, find modules), `types` (declarations,
types, elaboration into the typed tree of `types/hir.py`), `effects` (what may raise), `lower` (LLVM IR), `backend` (objects, link).
"""

VERSION = "0.1"
