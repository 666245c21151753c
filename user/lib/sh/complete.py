# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tab: complete the word before the cursor, as a command where one is expected, else as a file."""

from lang import Error, text, u64
from lib.files import Names, is_directory, list_names
from lib.sh.editor import Editor
from lib.sh.lexer import ends_word
from lib.sh.shell import Shell
from lib.strings import columns, common_prefix

PATH_ROOM = 1024
MAX_SHOWN: u64 = 200
BUILTIN_NAMES = "cd pwd exit echo help history true false test export unset set wait jobs read source shift break continue type"


def complete(sh: Shell, editor: Editor) -> None:
    """Extend the word as far as it is certain; if it is not at all, show what it could become."""
    line = editor.line[: editor.cursor]
    start = word_start(line)
    word = line[start:]
    found = Names()
    try:
        if is_command_place(line[:start]) and word.find("/") < 0:
            add_commands(sh, word, found)
        else:
            add_files(sh, word, found)
        found.sort()
        offer(editor, word, found)
    finally:
        found.close()


def word_start(line: str) -> u64:
    at = len(line)
    while at > 0 and not ends_word(line[at - 1]):
        at -= 1
    return at


def is_command_place(before: str) -> bool:
    """Whether a command is expected behind `before`."""
    trimmed = before.rstrip()
    if len(trimmed) == 0:
        return True
    last = trimmed[len(trimmed) - 1]
    return last == ord(";") or last == ord("|") or last == ord("&") or last == ord("(")


def add_commands(sh: Shell, word: str, into: Names) -> None:
    rest: str = BUILTIN_NAMES
    while len(rest) > 0:
        name, rest = rest.split1(" ")
        add_if_new(name, word, into)
    search = sh.variables.get("PATH")
    while len(search) > 0:
        folder, search = search.split1(":")
        programs = Names()
        try:
            list_names(folder, programs)
            for name in programs.all():
                add_if_new(name, word, into)
        except Error:
            continue                        # a folder of PATH that is not there
        finally:
            programs.close()


def add_if_new(name: str, word: str, into: Names) -> None:
    if not name.startswith(word):
        return
    for known in into.all():
        if known == name:
            return
    into.add(name)


def add_files(sh: Shell, word: str, into: Names) -> None:
    """The files that begin with `word`, each with the folder as it was typed, folders with a slash behind."""
    slash = word.rfind("/")
    folder = word[: u64(slash) + 1] if slash >= 0 else ""
    part = word[len(folder) :]
    names = Names()
    path = text(PATH_ROOM)
    try:
        list_names("." if len(folder) == 0 else folder, names)
        for name in names.all():
            if name.startswith(part) and (len(part) > 0 or not name.startswith(".")):
                path.clear()
                path.append(folder)
                path.append(name)
                if is_directory(path.view):
                    path.append("/")
                into.add(path.view)
    except Error:
        return
    finally:
        names.close()


def offer(editor: Editor, word: str, found: Names) -> None:
    if found.count == 0:
        editor.screen.append("\a")
        return
    common = len(found.items[0])
    for name in found.all():
        common = min(common, common_prefix(found.items[0], name))
    if common > len(word):
        insert_escaped(editor, found.items[0][len(word) : common])
    elif found.count > 1:
        show_list(editor, found)
    if found.count == 1 and not found.items[0].endswith("/"):
        editor.insert_text(" ")


def insert_escaped(editor: Editor, data: str) -> None:
    """What the shell would take apart gets a backslash."""
    for i in range(len(data)):
        byte = data[i]
        special = byte == ord("'") or byte == ord('"') or byte == ord("\\") or byte == ord("$") or byte == ord("*") or byte == ord("?")
        if special or ends_word(byte):
            editor.insert_text("\\")
        editor.insert_text(data[i : i + 1])


def show_list(editor: Editor, found: Names) -> None:
    """The candidates in columns, then the line again."""
    widest: u64 = 0
    for name in found.all():
        widest = max(widest, columns(name))
    per_line = max(editor.width // (widest + 2), 1)
    editor.screen.append("\n")
    shown: u64 = 0
    for name in found.all():
        if shown >= MAX_SHOWN:
            editor.screen.append("…")
            break
        shown += 1
        editor.screen.append(name)
        if shown % per_line == 0 or shown == found.count:
            editor.screen.append("\n")
        else:
            for _ in range(widest + 2 - columns(name)):
                editor.screen.append(" ")
    editor.redraw()
