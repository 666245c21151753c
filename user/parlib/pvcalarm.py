# SPDX-License-Identifier: LGPL-2.1-or-later
"""Alarms of each vcore: every so often a function is called on each vcore that runs, in its vcore context.

REAL goes by the clock. PROF goes by the time for which a vcore has had a core: one that is away, or shares its core, is called less
often. A vcore that is away when its time comes hears of it when it is back, and is counted on from then. One service for the process. No
locks: `state` keeps enabling and disabling apart, and `busy` counts vcores that are at it."""

from enum import IntEnum
from typing import Callable

from lang import Atomic, Errno, Error, array, cycle_counter, pause, struct, u16, u32, u64
from kern.abi.event import NR_EVENT_TYPES, EventMsg
from parlib.alarm import Alarm
from parlib.event import register_handler
from parlib.vcore import Vcore, max_vcores, notify_self, proc_info
from rt.time import ns_to_tsc, tsc_to_ns

PVCALARM_EVENT: u32 = NR_EVENT_TYPES - 1    # the last of the process' own types

DISABLED: u32 = 0
CHANGING: u32 = 1
ENABLED: u32 = 2


class PvcMethod(u32, IntEnum):
    REAL = 0
    PROF = 1


@struct
class PvcService:
    state: Atomic[u32]
    busy: Atomic[u32]
    method: PvcMethod
    interval_ns: u64
    callback: Callable[[Vcore], None]
    registered: bool


@struct
class PvcAlarm:
    alarm: Alarm
    start_cycles: u64                       # what `online_cycles` was when the interval began


def no_callback(vcore: Vcore) -> None:
    """Before the service is enabled."""


service = PvcService(callback=no_callback)
alarms = array(256, PvcAlarm)               # by vcore


def online_cycles(vcoreid: u32) -> u64:
    """Cycles for which the vcore has had a core so far."""
    mapping = proc_info().vcoremap[vcoreid]
    total = mapping.total_ticks
    if mapping.valid != 0:
        now = cycle_counter()
        since = mapping.resume_ticks
        if now > since:
            total += now - since
    return total


def enable_pvcalarms(method: PvcMethod, interval_ns: u64, callback: Callable[[Vcore], None]) -> None:
    """Have `callback` called on each vcore every so often. In an MCP. Raises EBUSY if the service is in use, EINVAL for no interval."""
    if interval_ns == 0:
        raise Error(Errno.EINVAL, "an interval of nothing")
    if not service.state.cas(DISABLED, CHANGING):
        raise Error(Errno.EBUSY, "the alarms of vcores are in use")
    if not service.registered:
        register_handler(PVCALARM_EVENT, handle_pvcalarm)
        service.registered = True
    service.method = method
    service.interval_ns = interval_ns
    service.callback = callback
    service.state.store(ENABLED)
    for vcoreid in range(max_vcores()):
        entry = alarms[vcoreid]
        entry.alarm.handler = tell_vcore
        entry.alarm.arg = u64(vcoreid)
        entry.start_cycles = online_cycles(vcoreid)
        entry.alarm.reset_after(interval_ns)  # its handler may have been at work when it was unset last


def disable_pvcalarms() -> None:
    """No callback runs any more when this returns. In a uthread. Raises EINVAL if the service is not in use."""
    if not service.state.cas(ENABLED, CHANGING):
        raise Error(Errno.EINVAL, "the alarms of vcores are not in use")
    while service.busy.load() != 0:         # who comes from now on sees that it is over
        pause()
    for vcoreid in range(max_vcores()):
        alarms[vcoreid].alarm.unset()
    service.state.store(DISABLED)


def tell_vcore(alarm: Alarm) -> None:
    """In vcore context, on whichever vcore: to the private mailbox of the one whose time has come, so that no other takes it."""
    notify_self(u32(alarm.arg), EventMsg(ev_type=u16(PVCALARM_EVENT)), True)


def handle_pvcalarm(vcore: Vcore, msg: EventMsg) -> None:
    service.busy.add(1)
    if service.state.load() == ENABLED:     # after `busy`: disable_pvcalarms changes it and then waits
        ring(vcore)
    service.busy.sub(1)


def ring(vcore: Vcore) -> None:
    entry = alarms[vcore.id]
    if entry.alarm.is_set:
        return                              # of a service that was disabled and enabled again meanwhile
    if service.method == PvcMethod.PROF:
        passed = online_cycles(vcore.id) - entry.start_cycles
        interval = ns_to_tsc(service.interval_ns)
        if passed < interval:
            entry.alarm.set_after(tsc_to_ns(interval - passed))
            return
        entry.start_cycles += passed
    service.callback(vcore)
    entry.alarm.set_after(service.interval_ns)
