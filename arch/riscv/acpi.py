# SPDX-License-Identifier: GPL-2.0-or-later
"""What the firmware tells of the board: here the device tree, in its flattened form (Devicetree Specification 0.4, chapter 5).

Read once at boot, through the direct map, in one walk: properties of a node precede its children, so a node is looked at when its first
child, or its end, comes. Then only read. No locks.
"""

from typing import Callable

from lang import Ptr, Text, array, assign, span_of, struct, text, u8, u32, u64
from arch import cpu, page_table
from kern.arch_api import CorePlace

MAX_CORES: u32 = 256
MAX_RANGES: u32 = 16
MAX_DEPTH: u64 = 16
MAX_CONTROLLERS: u64 = 64
NO_INDEX: u32 = 0xFFFF_FFFF
MAGIC: u32 = 0xD00D_FEED
BEGIN_NODE: u32 = 1
END_NODE: u32 = 2
PROPERTY: u32 = 3
END: u32 = 9
SUPERVISOR_EXTERNAL: u32 = 9                # interrupt of a hart's own controller


@struct
class Range:
    start: u64
    size: u64


@struct
class Property:
    """A property's value: where, and how long; 0 if the node has none."""

    at: u64
    size: u64


@struct
class Node:
    """What is looked at of a node."""

    reg: Property
    compatible: Property
    device_type: Property
    status: Property
    phandle: u32
    interrupt: u32
    interrupt_parent: u32                   # phandle of the controller that it goes to; a parent's holds for its children
    harts: Property                         # interrupts-extended
    lines: u32                              # riscv,ndev, riscv,num-sources or riscv,num-ids
    hart_bits: u32                          # riscv,hart-index-bits
    guest_bits: u32                         # riscv,guest-index-bits
    messages_go: bool                       # there is a msi-parent
    above: bool                             # there is a riscv,children: it belongs to the firmware
    isa: Property
    numa: u32                               # numa-node-id
    cpu: u32                                # phandle of the one that an entry of cpu-map is about
    in_map: bool                            # under /cpus/cpu-map
    cluster: u32                            # there: which of the uppermost clusters, or sockets ...
    processor: u32                          # ... and which core; from 1
    done: bool
    reserved: bool                          # a child of /reserved-memory
    address_cells: u32                      # for its children
    size_cells: u32


@struct
class Controller:
    """Of interrupts: the board's, or those of all harts for messages."""

    base: u64                               # physical address; 0: there is none
    phandle: u32
    is_aplic: bool
    lines: u32                              # the highest number of a line, or message
    harts: Property                         # pairs: a hart's own controller, and which interrupt of it
    pages: Property                         # `reg`, with two cells each for address and size
    hart_bits: u32                          # of a hart's number in its group
    guest_bits: u32


@struct
class GroupIndex:
    """A hart among those for whom messages go to one range of addresses."""

    number: u32
    member: u32
    page: u64                               # physical


@struct
class MapEntry:
    cpu: u32                                # phandle
    cluster: u32
    processor: u32


nodes = array(16, Node)                     # the path to the node that is being read, by depth
memory = array(16, Range)
memory_count: u32 = 0
reserved = array(16, Range)
reserved_count: u32 = 0
harts = array(256, u64)                     # in the tree's order, as far as they are usable
hart_phandles = array(256, u32)             # of their interrupt controllers
hart_nodes = array(256, u32)                # the phandle of the hart itself
hart_numa = array(256, u32)
mapped = array(256, MapEntry)               # of cpu-map, in its order
mapped_count: u32 = 0
clusters: u32 = 0
processors: u32 = 0
core_count: u32 = 0
timebase: u64 = 10_000_000                  # ticks of the time counter a second
uart: u64 = 0                               # physical addresses; 0: none
uart_line: u32 = 0
uart_parent: u32 = 0                        # phandle of the controller that its line goes to; 0: not said
controllers = array(MAX_CONTROLLERS, Controller)  # of lines: each NUMA node may have one, for its own harts
controller_count: u64 = 0
plic = Controller()                         # one of them, of either kind: the other kind's base is 0
aplic = Controller()
imsic = Controller()
test_device: u64 = 0                        # ends the emulator
clock: u64 = 0                              # the board's clock
debug_console: u64 = 0                      # a paravirtual console with a register for single characters
command_line = Property(0, 0)
random_seed = Property(0, 0)
isa: Text = text(120)
tree_size: u64 = 0


def word(address: u64) -> u32:
    """Big-endian, through the direct map; any alignment."""
    p = Ptr[u8](address + page_table.direct_map)
    return u32(p[0]) << 24 | u32(p[1]) << 16 | u32(p[2]) << 8 | u32(p[3])


def quad(address: u64) -> u64:
    return u64(word(address)) << 32 | u64(word(address + 4))


def cells(address: u64, count: u32) -> u64:
    return quad(address) if count == 2 else u64(word(address))


def string_at(address: u64) -> str:
    p = Ptr[u8](address + page_table.direct_map)
    length: u64 = 0
    while p[length] != 0:
        length += 1
    return span_of(p, length)


def has_string(value: Property, name: str) -> bool:
    """Whether a list of strings has `name`."""
    place = value.at
    while place < value.at + value.size:
        entry = string_at(place)
        if entry == name:
            return True
        place += len(entry) + 1
    return False


def init(tree: u64) -> bool:
    """Read the tree at a physical address. False if there is none."""
    global tree_size
    if tree == 0 or word(tree) != MAGIC:
        return False
    tree_size = u64(word(tree + 4))
    read_reservations(tree + u64(word(tree + 16)))
    strings = tree + u64(word(tree + 12))
    place = tree + u64(word(tree + 8))
    depth: u64 = 0
    while True:
        token = word(place)
        place += 4
        if token == BEGIN_NODE:
            name = string_at(place)
            place = (place + len(name) + 4) & ~u64(3)
            enter(depth, name)
            depth += 1
        elif token == END_NODE:
            depth -= 1
            finish(depth)
        elif token == PROPERTY:
            size = u64(word(place))
            take(depth - 1, string_at(strings + u64(word(place + 4))), place + 8, size)
            place = (place + 8 + size + 3) & ~u64(3)
        elif token == END:
            choose_controller()
            return True


def read_reservations(place: u64) -> None:
    while quad(place + 8) != 0:
        add_reserved(quad(place), quad(place + 8))
        place += 16


def add_reserved(start: u64, size: u64) -> None:
    global reserved_count
    if reserved_count < MAX_RANGES:
        reserved[reserved_count].start = start
        reserved[reserved_count].size = size
        reserved_count += 1


def enter(depth: u64, name: str) -> None:
    if depth >= MAX_DEPTH:
        return
    if depth > 0:
        finish(depth - 1)
    nodes[depth] = Node(address_cells=2, size_cells=1)
    if depth > 0:
        nodes[depth].reserved = nodes[depth - 1].reserved
        nodes[depth].interrupt_parent = nodes[depth - 1].interrupt_parent
    if depth == 1 and name == "reserved-memory":
        nodes[depth].reserved = True
    if depth > 1:
        enter_map(nodes[depth], nodes[depth - 1], name)


def enter_map(node: Node, parent: Node, name: str) -> None:
    """The part that is about the topology of the harts (the cpu-map binding: sockets, clusters, cores, threads)."""
    global clusters, processors
    node.in_map = parent.in_map or name == "cpu-map"
    if not parent.in_map:
        return
    node.cluster = parent.cluster
    node.processor = parent.processor
    if node.cluster == 0 and (name.startswith("cluster") or name.startswith("socket")):
        clusters += 1
        node.cluster = clusters
    elif name.startswith("core"):
        processors += 1
        node.processor = processors


def add_to_map(node: Node) -> None:
    global mapped_count
    if mapped_count < MAX_CORES:
        entry = mapped[mapped_count]
        entry.cpu = node.cpu
        entry.cluster = node.cluster
        entry.processor = node.processor
        mapped_count += 1


def locate(hart: u64, place: CorePlace) -> None:
    """Where a hart is; 0 for what the tree does not tell, but a processor of its own."""
    for core in range(core_count):
        if harts[core] == hart:
            place.node = hart_numa[core]
            place.processor = MAX_CORES + core
            for i in range(mapped_count):
                if mapped[i].cpu == hart_nodes[core]:
                    place.socket = mapped[i].cluster
                    place.processor = mapped[i].processor


def take(depth: u64, name: str, value: u64, size: u64) -> None:
    """One property of the node at `depth`."""
    global timebase
    if depth >= MAX_DEPTH:
        return
    node = nodes[depth]
    match name:
        case "#address-cells":
            node.address_cells = word(value)
        case "#size-cells":
            node.size_cells = word(value)
        case "reg":
            node.reg = Property(value, size)
        case "compatible":
            node.compatible = Property(value, size)
        case "device_type":
            node.device_type = Property(value, size)
        case "status":
            node.status = Property(value, size)
        case "phandle":
            node.phandle = word(value)
        case "numa-node-id":
            node.numa = word(value)
        case "cpu":
            node.cpu = word(value)
        case "interrupt-parent":
            node.interrupt_parent = word(value)
        case "interrupts":
            node.interrupt = word(value)
        case "interrupts-extended":
            node.harts = Property(value, size)
        case "riscv,ndev" | "riscv,num-sources" | "riscv,num-ids":
            node.lines = word(value)
        case "riscv,hart-index-bits":
            node.hart_bits = word(value)
        case "riscv,guest-index-bits":
            node.guest_bits = word(value)
        case "riscv,children":
            node.above = True
        case "msi-parent":
            node.messages_go = True
        case "riscv,isa":
            node.isa = Property(value, size)
        case "timebase-frequency":
            timebase = cells(value, u32(size // 4))
        case "rng-seed":
            random_seed.at = value
            random_seed.size = size
        case "bootargs":
            command_line.at = value
            command_line.size = size
        case _:
            pass


def finish(depth: u64) -> None:
    """All properties of a node are known."""
    if depth == 0 or depth >= MAX_DEPTH or nodes[depth].done:
        return
    node = nodes[depth]
    node.done = True
    if has_string(node.compatible, "riscv,cpu-intc"):
        if core_count > 0:
            hart_phandles[core_count - 1] = node.phandle
        return
    if node.in_map and node.cpu != 0:
        add_to_map(node)
        return
    if node.status.size != 0 and not has_string(node.status, "okay") and not has_string(node.status, "ok"):
        return
    if node.reg.size == 0:
        return
    parent = nodes[depth - 1]
    if has_string(node.device_type, "cpu"):
        add_core(cells(node.reg.at, parent.address_cells), node)
    elif has_string(node.device_type, "memory"):
        add_memory(node, parent)
    elif node.reserved:
        step = u64(parent.address_cells) * 4
        add_reserved(cells(node.reg.at, parent.address_cells), cells(node.reg.at + step, parent.size_cells))
    else:
        add_device(node, cells(node.reg.at, parent.address_cells))


def add_core(hart: u64, node: Node) -> None:
    global core_count
    if core_count == MAX_CORES:
        return
    harts[core_count] = hart
    hart_nodes[core_count] = node.phandle
    hart_numa[core_count] = node.numa
    core_count += 1
    if len(isa.view) == 0 and node.isa.size != 0:
        isa.append(string_at(node.isa.at))


def add_memory(node: Node, parent: Node) -> None:
    global memory_count
    step = u64(parent.address_cells + parent.size_cells) * 4
    for place in range(node.reg.at, node.reg.at + node.reg.size, step):
        if memory_count < MAX_RANGES:
            memory[memory_count].start = cells(place, parent.address_cells)
            memory[memory_count].size = cells(place + u64(parent.address_cells) * 4, parent.size_cells)
            memory_count += 1


def add_device(node: Node, address: u64) -> None:
    global uart, uart_line, uart_parent, test_device, clock, debug_console
    if has_string(node.compatible, "ns16550a"):
        if uart == 0:
            uart = address
            uart_line = node.interrupt
            uart_parent = node.interrupt_parent
    elif has_string(node.compatible, "riscv,plic0") or has_string(node.compatible, "sifive,plic-1.0.0"):
        add_controller(node, address, False)
    elif has_string(node.compatible, "riscv,aplic") and not node.above:
        if node.messages_go or is_for_supervisor(node.harts):
            add_controller(node, address, True)
    elif has_string(node.compatible, "riscv,imsics") and is_for_supervisor(node.harts):
        describe_controller(imsic, node, address)
    elif has_string(node.compatible, "sifive,test0"):
        test_device = address
    elif has_string(node.compatible, "google,goldfish-rtc"):
        clock = address
    elif has_string(node.compatible, "virtio,mmio") and is_console(address):
        debug_console = address


def is_console(address: u64) -> bool:
    """Whether a paravirtual device is a console (virtio 1.1, 4.2.2 and 5.3)."""
    registers = Ptr[u32](address + page_table.direct_map)
    return registers[0] == 0x7472_6976 and registers[2] == 3


def add_controller(node: Node, address: u64, is_aplic: bool) -> None:
    global controller_count
    if controller_count < MAX_CONTROLLERS:
        describe_controller(controllers[controller_count], node, address)
        controllers[controller_count].is_aplic = is_aplic
        controller_count += 1


def choose_controller() -> None:
    """The whole tree is known: of the controllers that one which the serial port's line, the only one we use, goes to, else the first."""
    if controller_count == 0:
        return
    chosen = controllers[0]
    for i in range(controller_count):
        if controllers[i].phandle == uart_parent:
            chosen = controllers[i]
    assign(aplic if chosen.is_aplic else plic, chosen)


def describe_controller(controller: Controller, node: Node, address: u64) -> None:
    controller.base = address
    controller.phandle = node.phandle
    controller.lines = node.lines
    assign(controller.harts, node.harts)
    assign(controller.pages, node.reg)
    controller.hart_bits = node.hart_bits
    controller.guest_bits = node.guest_bits


def is_for_supervisor(harts: Property) -> bool:
    """Not for the firmware: the list has harts' supervisor interrupts."""
    return harts.size >= 8 and word(harts.at + 4) == SUPERVISOR_EXTERNAL


def index_of(controller: Controller, hart: u64) -> u32:
    """The place of a hart's supervisor interrupt among the controller's outputs, or NO_INDEX."""
    for core in range(core_count):
        if harts[core] == hart:
            for i in range(controller.harts.size // 8):
                place = controller.harts.at + i * 8
                if word(place) == hart_phandles[core] and word(place + 4) == SUPERVISOR_EXTERNAL:
                    return u32(i)
    return NO_INDEX


def imsic_group_of(index: u32, found: GroupIndex) -> None:
    """Where the messages of hart `index` of the list go: harts of a group lie one behind the other, each group in a range of its own."""
    stride = u64(4096) << imsic.guest_bits
    number: u32 = 0
    member = u64(index)
    for place in range(imsic.pages.at, imsic.pages.at + imsic.pages.size, 16):
        room = quad(place + 8) // stride
        if member < room:
            found.number = number
            found.member = u32(member)
            found.page = quad(place) + member * stride
            return
        member -= room
        number += 1


power_button_handler: Callable[[], None] | None = None


def on_power_button(handler: Callable[[], None]) -> None:
    """This board has no button; whoever has one calls the handler."""
    global power_button_handler
    power_button_handler = handler


def power_off() -> None:
    """By the firmware. Returns if that does not work."""
    cpu.sbi_call(0, 0, 0, 0, cpu.SBI_RESET)


def reset() -> None:
    """By the firmware. Returns if that does not work."""
    cpu.sbi_call(1, 0, 0, 0, cpu.SBI_RESET)
