# SPDX-License-Identifier: GPL-2.0-or-later
"""Elaboration: one function's `ast` to its typed tree.

`Elaborator` is put together from the mixins of this folder, each one theme: `flow` (what is assigned and narrowed),
`convert` (types meeting types), `names`, `access` (fields, indices), `operators`, `comparison`, `logic`, `calls`,
`construct`, `vocabulary`, `machine` and `reductions` (what `lang` and the builtins give), `strings`, `loops`,
`statements`, `assignment`, `raising`, `matching`.
Every expression is a tree without side lists: what needs statements becomes `Seq`, so Python's order of evaluation is kept.
"""

from compiler.types.elaborate.elaborator import Elaborator

__all__ = ["Elaborator"]
