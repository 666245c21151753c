# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program may decide about its cores. To be set before the first thread; 2LSs and parlib heed it."""

from lang import struct, u32


@struct
class Control:
    wants_to_be_mcp: bool = True            # the first thread turns the process into an MCP; else threads share the one core of an SCP
    never_yield: bool                       # idle vcores are kept, except when the kernel warns that it will take them
    never_vc_request: bool                  # no vcores are asked for but by `vcore_request_exactly`
    vcore_limit: u32 = 0xFFFF_FFFF          # no more than so many are asked for


control = Control()


def limit_vcores(most: u32) -> None:
    """Never ask for more than `most`. Before the first thread."""
    control.vcore_limit = most
