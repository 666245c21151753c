# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a program may decide about its cores. To be set before the first thread; 2LSs and parlib heed it."""

from lang import struct, u32
from parlib.vcore import max_vcores


@struct
class Control:
    wants_to_be_mcp: bool = True            # the first thread turns the process into an MCP; else threads share the one core of an SCP
    never_yield: bool                       # idle vcores are kept, except when the kernel warns that it will take them
    never_vc_request: bool                  # no vcores are asked for but by `vcore_request_exactly`
    vcore_limit: u32                        # no more than so many are asked for; set by limit_vcores, and never more than max_vcores


control = Control()


def limit_vcores(most: u32) -> None:
    """Never ask for more than `most`, nor than there can be."""
    control.vcore_limit = min(most, max_vcores())
