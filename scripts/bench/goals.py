# SPDX-License-Identifier: GPL-2.0-or-later
"""Why goals of `make bench WHAT=system` are missed, by name, for the page; told only of those that are."""

WHY_MISSED = {
    "null call": "",
}
