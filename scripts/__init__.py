# SPDX-License-Identifier: GPL-2.0-or-later
"""Host programs: run the system in QEMU, debug it, report what the tests show.

`python -m scripts --help` lists them; the Makefile calls them. `qemu.py` builds the command line, `machine.py` is a running
machine, `run.py`, `interactive.py` and `debug.py` are what people start, `features.py` is the report.
"""
