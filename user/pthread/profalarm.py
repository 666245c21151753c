# SPDX-License-Identifier: LGPL-2.1-or-later
"""Profiling alarms: a thread that has used so much of its vcore's time gets SIGPROF, as with setitimer(ITIMER_PROF)."""

from lang import u64
from kern.abi.signal import Signal
from parlib.pvcalarm import PvcMethod, disable_pvcalarms, enable_pvcalarms
from parlib.signal import kill_from_vcore
from parlib.vcore import Vcore


def enable_profalarm(interval_ns: u64) -> None:
    """Whoever runs on a vcore when its interval is over is sent SIGPROF. Raises EBUSY, EINVAL."""
    enable_pvcalarms(PvcMethod.PROF, interval_ns, send_prof)


def disable_profalarm() -> None:
    disable_pvcalarms()


def send_prof(vcore: Vcore) -> None:
    uthread = vcore.current
    if uthread is not None:
        kill_from_vcore(uthread, Signal.PROF)
