# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own symbol and line table: how a backtrace gets function, Python file and line.

The kernel is linked twice.  The first link carries an empty table; from its ELF this module reads the functions
and the line program, and packs them into the section `.symbols`, which the second link puts last, so that no
other address moves.  (`check_unmoved` proves that.)  The kernel's reader is kern/debug/symbols.py.

Format, all little-endian, between the linker's symbols `symbols_start` and `symbols_end`:

    header, 48 bytes
      +0   u32  magic             0x4d595350 ("PSYM"); anything else means: no table in this image
      +4   u32  version           1
      +8   u64  base              address of the lowest function; all other addresses are offsets from it
      +16  u32  function_count
      +20  u32  functions_offset  of the function records, in bytes from the header (as the others)
      +24  u32  file_count
      +28  u32  files_offset      of the file records
      +32  u32  lines_offset      of the line rows
      +36  u32  names_offset      of the strings
      +40  u32  total_size        header included
      +44  u32  0

    function record, 16 bytes, sorted by start, which is unique
      +0   u32  start             offset of its first instruction from base
      +4   u32  size              in bytes; never 0, never reaching into the next function
      +8   u32  name              offset of its string from names_offset
      +12  u32  lines             offset of its rows from lines_offset, 0xffffffff when it has none (assembly)

    file record, 4 bytes
      +0   u32  name              offset of its string from names_offset: a path relative to the repository

    string: one byte of length n, then n bytes of UTF-8 (longer ones are cut at 255)

    rows of one function: a varint row count, then for each row
      varint  delta << 1 | f      delta: bytes from the previous row's address (the first row's: from the function's start)
      varint  file                only if f is 1 (always 1 in the first row): index of the file record, kept until changed
      varint  zigzag line delta   from the previous row's line (from 0 in the first row): n >= 0 is 2n, n < 0 is -2n - 1
    A row holds from its address up to the next row's.  A varint is LEB128: 7 bits a byte, lowest first, bit 7 = more follow.

To look up a pc: binary search for the last record with start <= pc - base, check pc - base < start + size, then
walk its rows while their address is <= pc.  For a return address look up pc - 1, so that the call's own line is shown.
"""
