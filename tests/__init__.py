# SPDX-License-Identifier: GPL-2.0-or-later
"""compiler/ the compiler, host/ kernel units inside CPython, boot/ whole machines, test_house.py the rules of the house."""
