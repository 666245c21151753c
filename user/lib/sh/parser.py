# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tokens into a tree of commands, one complete command at a time.

    line      : list (NEWLINE | END)
    list      : and_or ((';' | '&' | NEWLINE) and_or)* [';' | '&']
    and_or    : pipeline (('&&' | '||') pipeline)*
    pipeline  : ['!'] command ('|' command)*
    command   : (simple | '(' list ')' | '{' list '}' | if | while | for) redirection*
    if        : 'if' list 'then' list ('elif' list 'then' list)* ['else' list] 'fi'
    while     : ('while' | 'until') list 'do' list 'done'
    for       : 'for' NAME ['in' WORD*] (';' | NEWLINE) 'do' list 'done'
    simple    : (NAME=word | WORD | redirection)+

Nodes name each other by index (0: none) and the text by offsets, so a tree is valid as long as its source is. Pure.
Nesting is bounded: deeper text is refused, never a stack overflow.
"""

from enum import Enum, auto

from lang import Array, Errno, array, i32, struct, u32, u64
from lib.sh.lexer import Incomplete, Lexer, SyntaxProblem, TokenKind
from lib.strings import is_name

MAX_NODES: u32 = 2048
MAX_DEPTH: u32 = 64


class NodeKind(u32, Enum):
    NONE = auto()
    SIMPLE = auto()                         # left: its first WORD, ASSIGN or redirection, the rest by `next`
    WORD = auto()
    ASSIGN = auto()
    REDIRECT = auto()                       # op, number; start..end is the file's word
    PIPELINE = auto()                       # left: first command, the rest by `next`
    NOT = auto()                            # left
    CHAIN = auto()                          # left: first, the rest by `next`, each with `op` AND_IF or OR_IF
    SEQUENCE = auto()                       # left: first, the rest by `next`
    BACKGROUND = auto()                     # left
    SUBSHELL = auto()                       # left
    GROUP = auto()                          # left
    IF = auto()                             # left: condition, right: then, third: else
    WHILE = auto()                          # left: condition, right: body
    UNTIL = auto()
    FOR = auto()                            # left: a WORD with the name, third: first WORD of the list, right: body


@struct
class Node:
    kind: NodeKind = NodeKind.NONE
    op: TokenKind = TokenKind.END
    number: i32 = -1
    left: u32 = 0
    right: u32 = 0
    third: u32 = 0
    next: u32 = 0
    redirects: u32 = 0                      # of a compound command
    start: u64 = 0                          # the text it came from
    end: u64 = 0


@struct
class Parser:
    """Parses from `lexer`; the tree is in `nodes`, and is overwritten by the next `parse`."""

    lexer: Lexer
    nodes: Array[Node] = array(MAX_NODES)
    used: u32 = 1
    depth: u32 = 0
    last_end: u64 = 0                       # where the token before the current one ended

    def begin(self, source: str) -> None:
        """Start over with a new text."""
        self.lexer.source = source
        self.lexer.at = 0
        self.lexer.problem_at = 0

    def at_end(self) -> bool:
        return self.lexer.at >= len(self.lexer.source)

    def parse(self) -> u32:
        """The next complete command, up to its line end: its node, 0 for an empty line."""
        self.used = 1
        self.depth = 0
        self.lexer.advance()
        if self.lexer.kind == TokenKind.NEWLINE or self.lexer.kind == TokenKind.END:
            return 0
        node = self._list(False)
        if self.lexer.kind != TokenKind.NEWLINE and self.lexer.kind != TokenKind.END:
            self._unexpected()
        return node

    def text(self, index: u32) -> str:
        return self.lexer.source[self.nodes[index].start : self.nodes[index].end]

    def _next(self) -> None:
        self.last_end = self.lexer.end
        self.lexer.advance()

    def _new(self, kind: NodeKind, start: u64) -> u32:
        if self.used >= MAX_NODES:
            self.lexer.problem_at = self.lexer.start
            raise SyntaxProblem(Errno.E2BIG, "the command is too long")
        index = self.used
        self.used += 1
        self.nodes[index] = Node(kind=kind, start=start, end=start)
        return index

    def _finish(self, index: u32) -> u32:
        self.nodes[index].end = self.last_end
        return index

    def _unexpected(self) -> None:
        """Always raises."""
        self.lexer.problem_at = self.lexer.start
        if self.lexer.kind == TokenKind.END:
            raise Incomplete(Errno.EINVAL, "the text ends within a command")
        if self.lexer.kind == TokenKind.NEWLINE:
            raise SyntaxProblem(Errno.EINVAL, "unexpected end of line")
        raise SyntaxProblem(Errno.EINVAL, f"unexpected `{self.lexer.text()}`")

    def _at_word(self, word: str) -> bool:
        return self.lexer.kind == TokenKind.WORD and self.lexer.text() == word

    def _expect(self, word: str) -> None:
        if not self._at_word(word):
            self._unexpected()
        self._next()

    def _skip_newlines(self) -> None:
        while self.lexer.kind == TokenKind.NEWLINE:
            self._next()

    def _ends_list(self) -> bool:
        kind = self.lexer.kind
        if kind == TokenKind.END or kind == TokenKind.RIGHT:
            return True
        return kind == TokenKind.WORD and closes_list(self.lexer.text())

    # list : and_or ((';' | '&' | NEWLINE) and_or)*      `inner`: newlines go on rather than end it
    def _list(self, inner: bool) -> u32:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.lexer.problem_at = self.lexer.start
            raise SyntaxProblem(Errno.E2BIG, "commands are nested too deeply")
        sequence = self._new(NodeKind.SEQUENCE, self.lexer.start)
        last: u32 = 0
        if inner:
            self._skip_newlines()
        while True:
            item = self._and_or()
            if self.lexer.kind == TokenKind.AMPERSAND:
                background = self._new(NodeKind.BACKGROUND, self.nodes[item].start)
                self.nodes[background].left = item
                item = self._finish(background)
            self._append(sequence, last, item)
            last = item
            if self.lexer.kind == TokenKind.SEMICOLON or self.lexer.kind == TokenKind.AMPERSAND:
                self._next()
            elif not (inner and self.lexer.kind == TokenKind.NEWLINE):
                break
            if inner:
                self._skip_newlines()
            if self._ends_list() or self.lexer.kind == TokenKind.NEWLINE:
                break
        self.depth -= 1
        return self._finish(sequence)

    def _append(self, parent: u32, last: u32, item: u32) -> None:
        """Hang `item` behind `last` among the children of `parent`."""
        if last == 0:
            self.nodes[parent].left = item
        else:
            self.nodes[last].next = item

    # and_or : pipeline (('&&' | '||') pipeline)*
    def _and_or(self) -> u32:
        first = self._pipeline()
        if self.lexer.kind != TokenKind.AND_IF and self.lexer.kind != TokenKind.OR_IF:
            return first
        chain = self._new(NodeKind.CHAIN, self.nodes[first].start)
        self.nodes[chain].left = first
        last = first
        while self.lexer.kind == TokenKind.AND_IF or self.lexer.kind == TokenKind.OR_IF:
            op = self.lexer.kind
            self._next()
            self._skip_newlines()
            item = self._pipeline()
            self.nodes[item].op = op
            self.nodes[last].next = item
            last = item
        return self._finish(chain)

    # pipeline : ['!'] command ('|' command)*
    def _pipeline(self) -> u32:
        start = self.lexer.start
        inverted = self._at_word("!")
        if inverted:
            self._next()
        node = self._command()
        if self.lexer.kind == TokenKind.PIPE:
            pipeline = self._new(NodeKind.PIPELINE, self.nodes[node].start)
            self._append(pipeline, 0, node)
            last = node
            while self.lexer.kind == TokenKind.PIPE:
                self._next()
                self._skip_newlines()
                item = self._command()
                self._append(pipeline, last, item)
                last = item
            node = self._finish(pipeline)
        if inverted:
            negation = self._new(NodeKind.NOT, start)
            self.nodes[negation].left = node
            node = self._finish(negation)
        return node

    # command : (simple | '(' list ')' | '{' list '}' | if | while | for) redirection*
    def _command(self) -> u32:
        if self.lexer.kind == TokenKind.LEFT:
            return self._with_redirects(self._subshell())
        if self.lexer.kind != TokenKind.WORD:
            if is_redirection(self.lexer.kind):
                return self._simple()
            self._unexpected()
        word = self.lexer.text()
        if word == "{":
            return self._with_redirects(self._group())
        if word == "if":
            return self._with_redirects(self._if())
        if word == "while":
            return self._with_redirects(self._while(NodeKind.WHILE))
        if word == "until":
            return self._with_redirects(self._while(NodeKind.UNTIL))
        if word == "for":
            return self._with_redirects(self._for())
        if closes_list(word) or word == "!":
            self._unexpected()
        return self._simple()

    def _with_redirects(self, node: u32) -> u32:
        last: u32 = 0
        while is_redirection(self.lexer.kind):
            redirect = self._redirect()
            if last == 0:
                self.nodes[node].redirects = redirect
            else:
                self.nodes[last].next = redirect
            last = redirect
        return self._finish(node)

    def _subshell(self) -> u32:
        node = self._new(NodeKind.SUBSHELL, self.lexer.start)
        self._next()
        body = self._list(True)
        self.nodes[node].left = body
        if self.lexer.kind != TokenKind.RIGHT:
            self._unexpected()
        self._next()
        return self._finish(node)

    def _group(self) -> u32:
        node = self._new(NodeKind.GROUP, self.lexer.start)
        self._next()
        body = self._list(True)
        self.nodes[node].left = body
        self._expect("}")
        return self._finish(node)

    # if : 'if' list 'then' list ('elif' list 'then' list)* ['else' list] 'fi'
    def _if(self) -> u32:
        first = self._new(NodeKind.IF, self.lexer.start)
        current = first
        while True:
            self._next()
            condition = self._list(True)
            self._expect("then")
            body = self._list(True)
            self.nodes[current].left = condition
            self.nodes[current].right = body
            if not self._at_word("elif"):
                break
            following = self._new(NodeKind.IF, self.lexer.start)
            self.nodes[current].third = following
            current = following
        if self._at_word("else"):
            self._next()
            otherwise = self._list(True)
            self.nodes[current].third = otherwise
        self._expect("fi")
        return self._finish(first)

    # while : ('while' | 'until') list 'do' list 'done'
    def _while(self, kind: NodeKind) -> u32:
        node = self._new(kind, self.lexer.start)
        self._next()
        condition = self._list(True)
        self._expect("do")
        body = self._list(True)
        self.nodes[node].left = condition
        self.nodes[node].right = body
        self._expect("done")
        return self._finish(node)

    # for : 'for' NAME ['in' WORD*] (';' | NEWLINE) 'do' list 'done'
    def _for(self) -> u32:
        node = self._new(NodeKind.FOR, self.lexer.start)
        self._next()
        if self.lexer.kind != TokenKind.WORD or not is_name(self.lexer.text()):
            self._unexpected()
        name = self._word(NodeKind.WORD)
        self.nodes[node].left = name
        self._skip_newlines()
        if self._at_word("in"):
            self._next()
            last: u32 = 0
            while self.lexer.kind == TokenKind.WORD:
                item = self._word(NodeKind.WORD)
                if last == 0:
                    self.nodes[node].third = item
                else:
                    self.nodes[last].next = item
                last = item
        if self.lexer.kind == TokenKind.SEMICOLON:
            self._next()
        self._skip_newlines()
        self._expect("do")
        body = self._list(True)
        self.nodes[node].right = body
        self._expect("done")
        return self._finish(node)

    # simple : (NAME=word | WORD | redirection)+
    def _simple(self) -> u32:
        node = self._new(NodeKind.SIMPLE, self.lexer.start)
        last: u32 = 0
        assignments_over = False
        while True:
            item: u32 = 0
            if is_redirection(self.lexer.kind):
                item = self._redirect()
            elif self.lexer.kind != TokenKind.WORD:
                break
            elif not assignments_over and assignment_length(self.lexer.text()) > 0:
                item = self._word(NodeKind.ASSIGN)
            else:
                assignments_over = True
                item = self._word(NodeKind.WORD)
            self._append(node, last, item)
            last = item
        return self._finish(node)

    def _word(self, kind: NodeKind) -> u32:
        node = self._new(kind, self.lexer.start)
        self._next()
        return self._finish(node)

    def _redirect(self) -> u32:
        op = self.lexer.kind
        number = self.lexer.number
        self._next()
        if self.lexer.kind == TokenKind.END:  # the name stands on the line: asking for another would swallow what is typed next
            self.lexer.problem_at = self.lexer.start
            raise SyntaxProblem(Errno.EINVAL, "unexpected end of line")
        if self.lexer.kind != TokenKind.WORD:
            self._unexpected()
        node = self._word(NodeKind.REDIRECT)
        self.nodes[node].op = op
        self.nodes[node].number = number if number >= 0 else (0 if op == TokenKind.INPUT else 1)
        return node


def is_redirection(kind: TokenKind) -> bool:
    return kind == TokenKind.INPUT or kind == TokenKind.OUTPUT or kind == TokenKind.APPEND or kind == TokenKind.DUPLICATE


def closes_list(word: str) -> bool:
    """Words that end a list where a command would begin."""
    return word == "then" or word == "elif" or word == "else" or word == "fi" or word == "do" or word == "done" or word == "}"


def assignment_length(word: str) -> u64:
    """Of `NAME=value` the length of `NAME=`, else 0."""
    at = word.find("=")
    if at <= 0 or not is_name(word[: u64(at)]):
        return 0
    return u64(at) + 1
