# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running a parsed command. Each function runs one kind of node and gives its status, which is then `$?`.

What must run beside the shell itself (a part of a pipeline, a background list, `( … )`) and is no plain program is run by a
child shell on that piece of the text: there is no fork here. Recursion follows the tree, whose depth the parser bounds.
"""

from lang import Error, Errno, Ref, Span, array, i32, struct, text, u32, u64
from lib import console
from lib.buffer import Buffer
from lib.files import Names, exists
from lib.process import find_program
from lib.sh.builtins import is_builtin, needs_this_shell, run_builtin
from lib.sh.expand import expand_single, expand_word
from lib.sh.foreground import wait_foreground
from lib.sh.launch import start_program, start_shell
from lib.sh.lexer import TokenKind
from lib.sh.parser import NodeKind, Parser, assignment_length
from lib.sh.redirect import Redirected, close_quietly, copy_streams, redirect
from lib.sh.shell import STATUS_ERROR, Shell, Streams
from rt.io import flush_stdout, open, pipe

MAX_PIPELINE: u64 = 32
PATH_ROOM = 1024
NULL_DEVICE = "/dev/null"


@struct
class Executor:
    sh: Ref[Shell]
    tree: Ref[Parser]

    def run(self, index: u32, streams: Streams) -> i32:
        """Run a node; its status, also in `$?`. Errors of the shell itself are printed here."""
        sh = self.sh
        try:
            status = self._dispatch(index, streams)
        except Error as e:
            print(f"{sh.name}: {e.message}", file=streams.error)
            status = STATUS_ERROR
        sh.status = status
        return status

    def _dispatch(self, index: u32, streams: Streams) -> i32:
        node = self.tree.nodes[index]
        match node.kind:
            case NodeKind.SEQUENCE:
                return self._sequence(node.left, streams)
            case NodeKind.CHAIN:
                return self._chain(node.left, streams)
            case NodeKind.NOT:
                return 1 if self.run(node.left, streams) == 0 else 0
            case NodeKind.PIPELINE:
                return self._pipeline(index, streams)
            case NodeKind.BACKGROUND:
                return self._background(node.left, streams)
            case NodeKind.SIMPLE:
                return self._simple(index, streams)
            case _:
                return self._compound(index, streams)

    # -- lists ----------------------------------------------------------------------------------------------------
    def _sequence(self, first: u32, streams: Streams) -> i32:
        status: i32 = 0
        index = first
        while index != 0 and not self.sh.stopping():
            status = self.run(index, streams)
            index = self.tree.nodes[index].next
        return status

    def _chain(self, first: u32, streams: Streams) -> i32:
        status = self.run(first, streams)
        index = self.tree.nodes[first].next
        while index != 0 and not self.sh.stopping():
            wanted = self.tree.nodes[index].op == TokenKind.AND_IF
            if (status == 0) == wanted:
                status = self.run(index, streams)
            index = self.tree.nodes[index].next
        return status

    # -- compound commands ----------------------------------------------------------------------------------------
    def _compound(self, index: u32, outer: Streams) -> i32:
        redirected = Redirected()
        copy_streams(redirected.streams, outer)
        try:
            redirect(self.sh, self.tree, self.tree.nodes[index].redirects, redirected)
            return self._inside(index, redirected.streams)
        finally:
            redirected.close()

    def _inside(self, index: u32, streams: Streams) -> i32:
        node = self.tree.nodes[index]
        match node.kind:
            case NodeKind.GROUP:
                return self.run(node.left, streams)
            case NodeKind.SUBSHELL:
                return self._subshell(node.left, streams)
            case NodeKind.IF:
                return self._if(index, streams)
            case NodeKind.FOR:
                return self._for(index, streams)
            case NodeKind.WHILE:
                return self._while(index, streams, True)
            case NodeKind.UNTIL:
                return self._while(index, streams, False)
            case _:
                raise Error(Errno.EINVAL, f"this cannot be run: {self.tree.text(index)}")

    def _subshell(self, body: u32, streams: Streams) -> i32:
        flush_stdout()
        pids = array(1, i32)
        pids[0] = start_shell(self.sh, self.tree.text(body), streams)
        return wait_foreground(self.sh, pids)

    def _if(self, first: u32, streams: Streams) -> i32:
        index = first
        while index != 0:
            node = self.tree.nodes[index]
            if node.kind != NodeKind.IF:
                return self.run(index, streams)
            condition = self.run(node.left, streams)
            if self.sh.stopping():
                return condition
            if condition == 0:
                return self.run(node.right, streams)
            index = node.third
        return 0

    def _while(self, index: u32, streams: Streams, wanted: bool) -> i32:
        sh = self.sh
        node = self.tree.nodes[index]
        status: i32 = 0
        sh.loops += 1
        while (self.run(node.left, streams) == 0) == wanted and not sh.stopping():
            status = self.run(node.right, streams)
            if self._leaves_loop():
                break
        self._leaves_loop()
        sh.loops -= 1
        return status

    def _leaves_loop(self) -> bool:
        """Count a `break` or `continue` down by this loop; whether the loop ends here."""
        sh = self.sh
        if sh.interactive and console.take_interrupt():
            sh.interrupted = True           # a loop of our own commands only has nobody else to be told
        if sh.leaving > 0:
            sh.leaving -= 1
            if sh.leaving == 0 and sh.going_on:
                sh.going_on = False
                return sh.exiting or sh.interrupted
            return True
        return sh.exiting or sh.interrupted

    def _for(self, index: u32, streams: Streams) -> i32:
        sh = self.sh
        node = self.tree.nodes[index]
        words = Names()
        status: i32 = 0
        sh.loops += 1
        try:
            item = node.third
            while item != 0:
                expand_word(sh, self.tree.text(item), words)
                item = self.tree.nodes[item].next
            for word in words.all():
                sh.variables.set(self.tree.text(node.left), word)
                status = self.run(node.right, streams)
                if self._leaves_loop():
                    break
        finally:
            sh.loops -= 1
            words.close()
        return status

    # -- simple commands ------------------------------------------------------------------------------------------
    def _simple(self, index: u32, outer: Streams) -> i32:
        sh = self.sh
        argv = Names()
        assigned = Names()
        redirected = Redirected()
        copy_streams(redirected.streams, outer)
        try:
            # $(...) in an assignment gives `x=$(false)` its status; without one it is 0.
            if not self._has_words(index):
                sh.status = 0
            self._expand(index, argv, assigned)
            redirect(self.sh, self.tree, self.tree.nodes[index].left, redirected)
            if argv.count == 0:
                self._assign(assigned)
                return sh.status
            return self._command(argv.all(), assigned, redirected.streams)
        finally:
            redirected.close()
            argv.close()
            assigned.close()

    def _has_words(self, index: u32) -> bool:
        item = self.tree.nodes[index].left
        while item != 0:
            if self.tree.nodes[item].kind == NodeKind.WORD:
                return True
            item = self.tree.nodes[item].next
        return False

    def _command(self, argv: Span[str], assigned: Names, streams: Streams) -> i32:
        if is_builtin(argv[0]):
            self._assign(assigned)
            status = run_builtin(self.sh, argv, streams)
            flush_stdout()
            return status
        flush_stdout()
        pids = array(1, i32)
        pids[0] = start_program(self.sh, argv, assigned, streams)
        if pids[0] == 0:
            return self.sh.status
        return wait_foreground(self.sh, pids)

    def _expand(self, index: u32, argv: Names, assigned: Names) -> None:
        """The words of a simple command into `argv`, its assignments (NAME=value, expanded) into `assigned`."""
        item = self.tree.nodes[index].left
        while item != 0:
            kind = self.tree.nodes[item].kind
            if kind == NodeKind.WORD:
                expand_word(self.sh, self.tree.text(item), argv)
            elif kind == NodeKind.ASSIGN:
                self._expand_assignment(self.tree.text(item), assigned)
            item = self.tree.nodes[item].next

    def _expand_assignment(self, word: str, assigned: Names) -> None:
        length = assignment_length(word)
        result = Buffer()
        try:
            result.append(word[:length])
            expand_single(self.sh, word[length:], result)
            assigned.add(result.view)
        finally:
            result.close()

    def _assign(self, assigned: Names) -> None:
        for assignment in assigned.all():
            name, value = assignment.split1("=")
            self.sh.variables.set(name, value)

    # -- pipelines and background ---------------------------------------------------------------------------------
    def _pipeline(self, index: u32, streams: Streams) -> i32:
        pids = array(MAX_PIPELINE, i32)
        first = self.tree.nodes[index].left
        count: u64 = 0
        flush_stdout()
        if self._needs_this_shell(first):
            count = self._feed_pipeline(first, streams, pids)
        else:
            count = self._start_pipeline(first, streams.input, streams, pids)
        last_failed = count > 0 and pids[count - 1] == 0
        failed_status = self.sh.status
        status = wait_foreground(self.sh, pids[:count])
        return failed_status if last_failed else status

    def _needs_this_shell(self, index: u32) -> bool:
        node = self.tree.nodes[index]
        return node.kind == NodeKind.SIMPLE and node.left != 0 and needs_this_shell(self.tree.text(node.left))

    def _feed_pipeline(self, first: u32, streams: Streams, pids: Span[i32]) -> u64:
        """A pipeline whose first command is ours: the others are started, then fed."""
        reader, writer = pipe()
        try:
            count = self._start_pipeline(self.tree.nodes[first].next, reader, streams, pids)
            self.run(first, Streams(input=streams.input, output=writer, error=streams.error))
        finally:
            close_quietly(writer)
        return count

    def _start_pipeline(self, first: u32, first_input: i32, streams: Streams, pids: Span[i32]) -> u64:
        """Start the commands from `first` on, each reading what the one before writes; how many. `first_input` is closed here
        unless it is the shell's own."""
        count: u64 = 0
        item = first
        input_fd = first_input
        try:
            while item != 0:
                if count >= len(pids):
                    raise Error(Errno.E2BIG, f"a pipeline of more than {len(pids)} commands")
                following = self.tree.nodes[item].next
                input_fd, pids[count] = self._start_part(item, following == 0, input_fd, streams)
                count += 1
                item = following
        finally:
            if input_fd != streams.input:
                close_quietly(input_fd)
        return count

    def _start_part(self, item: u32, last: bool, input_fd: i32, streams: Streams) -> tuple[i32, i32]:
        """Start one command of a pipeline: (what the next one reads, pid). The input is closed here unless it is the shell's."""
        reader = streams.input
        writer = streams.output
        if not last:
            reader, writer = pipe()
        try:
            pid = self._start(item, Streams(input=input_fd, output=writer, error=streams.error))
        except Error as e:
            print(f"{self.sh.name}: {e.message}", file=streams.error)
            self.sh.status = STATUS_ERROR
            pid = 0
        if writer != streams.output:
            close_quietly(writer)
        if input_fd != streams.input:
            close_quietly(input_fd)
        return reader, pid

    def _background(self, index: u32, outer: Streams) -> i32:
        sh = self.sh
        streams = Streams(input=outer.input, output=outer.output, error=outer.error)
        pids = array(MAX_PIPELINE, i32)
        count: u64 = 1
        null_fd: i32 = -1
        flush_stdout()
        try:
            if exists(NULL_DEVICE):
                null_fd = open(NULL_DEVICE)
                streams.input = null_fd
            if self.tree.nodes[index].kind == NodeKind.PIPELINE:
                count = self._start_pipeline(self.tree.nodes[index].left, streams.input, streams, pids)
            else:
                pids[0] = self._start(index, streams)
        finally:
            if null_fd >= 0:
                close_quietly(null_fd)
        if pids[count - 1] == 0:
            return sh.status
        sh.last_background = pids[count - 1]
        job = sh.jobs.add(pids[:count], self.tree.text(index), sh.interactive)
        if sh.interactive:
            print(f"[{job.number}] {sh.last_background}", file=outer.error)
        return 0

    def _start(self, index: u32, outer: Streams) -> i32:
        """Start a node without waiting; its pid, 0 if it could not be started (which was said)."""
        if self.tree.nodes[index].kind == NodeKind.SIMPLE:
            return self._start_simple(index, outer)
        if self.tree.nodes[index].kind != NodeKind.SUBSHELL:
            return start_shell(self.sh, self.tree.text(index), outer)
        redirected = Redirected()
        copy_streams(redirected.streams, outer)
        try:
            redirect(self.sh, self.tree, self.tree.nodes[index].redirects, redirected)
            return start_shell(self.sh, self.tree.text(self.tree.nodes[index].left), redirected.streams)
        finally:
            redirected.close()

    def _start_simple(self, index: u32, outer: Streams) -> i32:
        argv = Names()
        assigned = Names()
        redirected = Redirected()
        copy_streams(redirected.streams, outer)
        path = text(PATH_ROOM)
        try:
            self._expand(index, argv, assigned)
            builtin = argv.count > 0 and is_builtin(argv.items[0])
            if argv.count == 0 or (builtin and not find_program(argv.items[0], self.sh.variables.get("PATH"), path)):
                return start_shell(self.sh, self.tree.text(index), outer)
            redirect(self.sh, self.tree, self.tree.nodes[index].left, redirected)
            return start_program(self.sh, argv.all(), assigned, redirected.streams)
        finally:
            redirected.close()
            argv.close()
            assigned.close()
