# SPDX-License-Identifier: GPL-2.0-or-later
"""make qemu and make debug: a machine on this terminal, and the debugger beside a machine.

Both use the terminal as the machine's console. `qemu` puts QEMU's monitor on it too (Ctrl-A x ends, Ctrl-A c switches);
`debug` starts the machine halted, its console in a file, and gdb in front, with all that scripts/gdb/ teaches it.
"""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.qemu import BUILD, ROOT, Ending, Settings, command, ending

GDB_PORT = 1234


def interactive(settings: Settings, gdb: bool) -> int:
    """The console on this terminal until the guest powers off or Ctrl-A x. Returns the status to exit with."""
    BUILD.mkdir(parents=True, exist_ok=True)
    log = BUILD / "kernel.log"
    console = ["-chardev", "stdio,id=console,mux=on,signal=off", "-mon", "chardev=console,mode=readline"]
    words = command(settings, console, log)
    hint = "Ctrl-A x quits, Ctrl-A c is QEMU's monitor"
    if gdb:
        words += ["-gdb", f"tcp::{GDB_PORT}", "-S"]
        hint += f"; waiting for: gdb {settings.symbols} -ex 'target remote :{GDB_PORT}'"
    print(f"{settings.smp} cores, {settings.mem}, {words[words.index('-accel') + 1]}; {hint}; kernel log: {log}", file=sys.stderr)
    how, status = ending(subprocess.run(words, check=False).returncode, settings.arch)
    if how is Ending.PANIC:
        print("the kernel panicked", file=sys.stderr)
        return 1
    return status


def debug(settings: Settings, programs: list[str]) -> int:
    """gdb on a machine that waits at its first instruction. `programs` are guest programs to take the lines of user code from."""
    if shutil.which(debugger(settings)) is None:
        print(f"debug: no {debugger(settings)} here; install it (Debian: apt install {debugger(settings)})", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="pykaros-debug-"))
    stub = folder / "gdb"
    console = folder / "console.log"
    words = command(settings, ["-chardev", f"file,id=console,path={console}"], folder / "kernel.log")
    with socket.socket(socket.AF_UNIX) as listener:  # bound before QEMU starts: gdb never comes too early
        listener.bind(str(stub))
        listener.listen(1)
        words += ["-chardev", f"socket,id=gdb,fd={listener.fileno()},server=on,wait=off", "-gdb", "chardev:gdb", "-S"]
        machine = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=[listener.fileno()])
    try:
        print(f"console: tail -f {console}", file=sys.stderr)
        return subprocess.run(gdb_words(settings, stub, programs), check=False).returncode
    finally:
        machine.kill()
        machine.wait()
        shutil.rmtree(folder)


def debugger(settings: Settings) -> str:
    """The host's own gdb knows its own architecture only, the other one all."""
    own = settings.arch == platform.machine() and shutil.which("gdb") is not None
    return "gdb" if own else "gdb-multiarch"


def gdb_words(settings: Settings, stub: Path, programs: list[str]) -> list[str]:
    """The debugger with the symbols, scripts/gdb/ and the machine behind `stub`."""
    first = [
        "set confirm off",
        "set print pretty on",
        "set print max-depth 2",
        "set max-value-size unlimited",
        "skip -gfi arch/*/*.S",
        f"directory {ROOT}",
        f'python import sys; sys.path.insert(0, "{ROOT}"); import scripts.gdb',
        *([f"program {' '.join(programs)}"] if programs else []),
        f"target remote {stub}",
    ]
    return [debugger(settings), "-q", str(settings.symbols), *(word for line in first for word in ("-ex", line))]
