# SPDX-License-Identifier: GPL-2.0-or-later
"""Lowering: the typed tree to LLVM IR, written as text (see docs/decisions/ir-as-text.md)."""
