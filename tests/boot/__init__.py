# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole machines in QEMU, asked over their console and over QMP. One machine is booted per configuration and asked many things."""
