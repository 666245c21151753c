# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shell at a console: prompt, edit, run, again. Reads the keyboard byte by byte; the console echoes nothing meanwhile."""

from lang import Error, free, i32, new, array, u8
from lib import console
from lib.buffer import Buffer
from lib.sh.complete import complete
from lib.sh.editor import Action, Editor
from lib.sh.interpret import is_complete, run_file, run_text
from lib.sh.shell import Shell
from lib.strings import number_or_none
from rt.io import STDERR, STDIN, STDOUT, flush_stdout, read, write_all

PROFILE = "/etc/profile"
PROMPT = "pykaros$ "
PROMPT_MORE = "> "


def run_interactive(sh: Shell) -> i32:
    """Until `exit` or Ctrl-D; the last status."""
    sh.interactive = True
    nobody = array(1, i32)
    console.set_foreground(nobody[:0])      # a shell started by a shell is no program to be interrupted
    run_profile(sh)
    editor = new(Editor, history=sh.history)
    command = Buffer()
    try:
        while not sh.exiting:
            sh.interrupted = False
            sh.jobs.report_ended(STDERR)
            command.clear()
            if not read_command(sh, editor, command):
                break
            sh.history.add(command.view)
            run_text(sh, command.view, "")
            sh.leaving = 0
            sh.loops = 0
    finally:
        command.close()
        editor.screen.close()
        free(editor)
    return sh.status


def run_profile(sh: Shell) -> None:
    try:
        run_file(sh, PROFILE)
    except Error as e:
        print(f"{sh.name}: {PROFILE}: {e.message}", file=STDERR)


def read_command(sh: Shell, editor: Editor, into: Buffer) -> bool:
    """A whole command, of as many lines as it needs; False at the end of the input. After Ctrl-C it starts over."""
    prompt = PROMPT if not sh.variables.has("PS1") else sh.variables.get("PS1")
    editor.begin(prompt)
    width = number_or_none(sh.variables.get("COLUMNS"))
    editor.width = width if width is not None and 20 <= width <= 1000 else 80
    while True:
        action = read_line(sh, editor)
        if action == Action.END:
            return False
        if action == Action.INTERRUPT:
            into.clear()
            sh.status = 130
            editor.begin(prompt)
            continue
        if into.used > 0:
            into.append("\n")
        into.append(editor.line)
        if is_complete(into.view):
            return True
        editor.begin(PROMPT_MORE)


def read_line(sh: Shell, editor: Editor) -> Action:
    """Feed the editor until it has something to say."""
    byte = array(1, u8)
    flush_stdout()
    console.begin_editing()
    try:
        while True:
            show(editor)
            if read(STDIN, byte) == 0:
                return Action.END
            action = editor.feed(byte[0])
            if action == Action.COMPLETE:
                complete(sh, editor)
            elif action != Action.NONE:
                show(editor)
                return action
    finally:
        console.end_editing()


def show(editor: Editor) -> None:
    if editor.screen.used > 0:
        write_all(STDOUT, editor.screen.view)
        editor.screen.clear()
