# SPDX-License-Identifier: GPL-2.0-or-later
"""Parsing: files to `ast`, module names to files, and what the compiler writes itself (system call stubs)."""
