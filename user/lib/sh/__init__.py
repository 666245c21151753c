# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shell in parts: lexer -> parser -> (for each command) expand -> execute; editor and history are the keyboard side.

Read in that order. `shell.py` holds what they share and the loop around them; `user/apps/sh.py` only starts it.
"""
