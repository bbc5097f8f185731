"""Who called whom: shadow stacks, kept by calls and returns as they are executed.

There is one stack for each thread of control. A return is matched by its address: normally that of the top frame; else
of a frame below it (frames in between were left without returning), or of another stack's top, which is how a kernel
switches tasks: it returns to where the other task once called. A return to the beginning of a function is a jump, as is
going to another function without a call. A delivery pushes a frame of its own, and IRET takes it away.
"""

from __future__ import annotations

from collections.abc import Callable

ANY = -1  # a return address that nobody knows
ROOT = "?"
DEEPEST = 1000  # frames; what is called beyond counts for the last one


class Node:
    """A chain of calls. `instructions`: executed in its last function itself."""

    __slots__ = ("calls", "children", "instructions", "name", "parent")

    def __init__(self, name: str, parent: Node | None):
        self.name, self.parent = name, parent
        self.children: dict[str, Node] = {}
        self.instructions = self.calls = 0

    def child(self, name: str) -> Node:
        found = self.children.get(name)
        if found is None:
            found = self.children[name] = Node(name, self)
        return found


class Frame:
    """A call that goes on: since when, where it returns to, and its place in the tree."""

    __slots__ = ("back", "begin", "node")

    def __init__(self, node: Node, back: int, begin: int):
        self.node, self.back, self.begin = node, back, begin


Ended = Callable[[int, Node, int, int], None]  # stack, which chain, first and last instruction


class Stacks:
    """All of them. `icount` is where control is; each method says that something happened there."""

    def __init__(self, icount: int, ended: Ended = lambda stack, node, begin, end: None):
        self.tree = Node("", None)
        self.icount = icount
        self._ended = ended
        self._count = 0
        self._parked: dict[int, list[list[Frame]]] = {}  # by the address that the top frame returns to
        self._numbers: dict[int, int] = {}  # by the identity of a stack
        self._all: list[list[Frame]] = []
        self._stack = self._new(ROOT, ANY)

    def _new(self, name: str, back: int) -> list[Frame]:
        node = self.tree.child(name)
        node.calls += 1
        stack = [Frame(node, back, self.icount)]
        self._count += 1
        self._numbers[id(stack)] = self._count
        self._all.append(stack)
        return stack

    def went(self, icount: int) -> None:
        """So far control has stayed where it was."""
        self._stack[-1].node.instructions += icount - self.icount
        self.icount = icount

    def call(self, name: str, back: int) -> None:
        stack = self._stack
        if len(stack) >= DEEPEST:
            return
        node = stack[-1].node.child(name)
        node.calls += 1
        stack.append(Frame(node, back, self.icount))

    def jump(self, name: str) -> None:
        """To another function, in the place of the one that was executed."""
        top = self._stack[-1]
        if top.node.name == name:
            return
        assert top.node.parent is not None
        self._end(top)
        node = top.node.parent.child(name)
        node.calls += 1
        top.node, top.begin = node, self.icount

    def come_back(self, address: int, name: str, at_beginning: bool) -> None:
        """A return of any kind to an address, in this function."""
        stack = self._stack
        for n in range(len(stack) - 1, -1, -1):
            if stack[n].back == address:
                self._cut(n)
                if not self._stack:
                    self._stack = self._new(name, ANY)
                self.jump(name)
                return
        if at_beginning:
            self.jump(name)
        elif waiting := self._parked.get(address):
            self._park(stack)
            self._stack = waiting.pop()
            self._cut(len(self._stack) - 1)
            if not self._stack:
                self._stack = self._new(name, ANY)
        elif len(stack) == 1:
            self.jump(name)
        else:
            self._park(stack)
            self._stack = self._new(name, ANY)

    def _cut(self, n: int) -> None:
        """Take away the n-th frame and all above it."""
        stack = self._stack
        while len(stack) > n:
            self._end(stack.pop())

    def _park(self, stack: list[Frame]) -> None:
        self._parked.setdefault(stack[-1].back, []).append(stack)

    def _end(self, frame: Frame) -> None:
        self._ended(self._numbers[id(self._stack)], frame.node, frame.begin, self.icount)

    def finish(self) -> None:
        """The end: all calls end here."""
        for stack in self._all:
            self._stack = stack
            self._cut(0)
