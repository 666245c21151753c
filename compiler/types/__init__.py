# SPDX-License-Identifier: GPL-2.0-or-later
"""Declarations, types and elaboration: from `ast` to the typed tree."""
