# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench`: measures, prints a table, and keeps the figures in build/bench/NAME.json. Each kind of measurement is a module here."""
