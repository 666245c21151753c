# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit tests of user land, all suites in one go on each architecture, as a CI would run them; here their log is read name by name."""

import re

import pytest

from tests.boot.guest import Guest

pytestmark = pytest.mark.xdist_group("smp4")

# A test of utest -> rows of the ledger that it shows.
SHOWS: dict[str, list[str]] = {
    "mapping.rules": ["vm-02", "sys-16"],
    "mapping.page_offset": ["vm-02"],
    "mapping.addresses": ["vm-03"],
    "mapping.populate": ["vm-06"],
    "mapping.locked": ["vm-06"],
    "mapping.early": ["vm-07"],
    "mapping.regions": ["vm-01", "vm-10", "sys-17"],
    "mapping.rights": ["vm-10", "sys-18"],
    "mapping.errors": ["vm-12", "vm-13", "sys-32"],
    "mapping.fork": ["vm-05"],
    "mapping.areas": ["vm-19"],
    "mapping.stack": ["vm-20"],
    "mapping.heap": ["vm-21"],
    "sharing.each_its_own": ["sys-13"],
    "sharing.kernel_writes": ["sys-13", "vm-16"],
    "sharing.generations": ["sys-13"],
    "sharing.rights": ["vm-10"],
    "sharing.last_owner": [],
    "sharing.memory": [],
    "sharing.cost": [],
    "sharing.no_leak": [],
    "sharing.many_cores": ["vm-23"],
    "sharing.programs": ["vm-22"],
    "sharing.registers": [],
    "sharing.out_of_memory": ["vm-13"],
    "sharing.out_of_memory_in_calls": ["vm-16"],
    "neighbour.files": [],
    "neighbour.remains": [],
    "dynamic.hello": ["vm-22"],
    "dynamic.auxv": ["vm-22"],
    "dynamic.missing": ["vm-22"],
    "dynamic.other_library": ["vm-22"],
    "dynamic.interpreter": ["vm-22"],
    "dynamic.headers": ["vm-22"],
    "cache.one_read": ["vm-18"],
    "cache.private": ["vm-08"],
    "cache.shared": ["vm-09"],
    "cache.last_unmap": ["vm-09"],
    "cache.dirty": ["vm-09", "kmem-13"],
    "cache.used_pages_stay": ["vm-18", "kmem-13"],
    "cache.truncate": ["vm-18"],
    "cache.buffers": ["vm-16"],
    "cache.failing_write": ["vm-18"],
    "batch.answered": ["async-06"],
    "batch.taken": ["async-06"],
    "batch.copies": [],
    "batch.half_there": [],
    "batch.answered_in_threads": ["async-06"],
    "batch.taken_in_threads": [],
    "parked.many": [],
    "parked.around_the_end": [],
    "parked.end_of_file": [],
    "parked.time_limit": ["async-12"],
    "parked.buffer_has_gone": [],
    "parked.killed": [],
    "parked.closed": [],
    "parked.abort_against_write": ["async-03"],
    "finished.in_passing": [],
    "finished.notifications_off": [],
    "finished.recovered": [],
    "finished.last_moment": [],
    "finished.flags_in_the_way": [],
    "faults.others_run": ["parlib-24", "vm-14"],
    "faults.many_pages": ["vm-14"],
    "faults.one_page": ["vm-18"],
    "faults.divide": ["core-18"],
    "faults.page_faults": ["vm-13", "core-18"],
    "faults.kernel_memory": [],
    "faults.read_only": [],
    "faults.no_execute": [],
    "faults.kernel_instructions": [],
    "alarm.alarm": ["parlib-51", "utest-02"],
    "alarm.order": [],
    "alarm.unset": [],
    "alarm.reset": [],
    "alarm.past": [],
    "alarm.earlier_and_earlier": [],
    "alarm.many_threads": [],
    "alarm.unset_against_ringing": ["parlib-51"],
    "cv.signal_no_wait": [],
    "cv.signal": ["utest-03"],
    "cv.broadcast": ["utest-03"],
    "cv.signal_no_mutex": ["parlib-45"],
    "cv.broadcast_no_mutex": ["parlib-45"],
    "cv.recurse": ["parlib-44"],
    "cv.recurse_static": [],
    "cv.semaphore": ["parlib-44"],
    "cv.semaphore_static": [],
    "cv.semaphore_timeout": ["parlib-44"],
    "cv.cv_timeout": ["parlib-44"],
    "cv.cv_timeout_no_mutex": ["parlib-45"],
    "cv.cv_recurse_timeout": ["parlib-44"],
    "cv.rwlock": ["parlib-44", "utest-03"],
    "cv.mutex_timeout": [],
    "cv.rwlock_timeout": [],
    "cv.wake_against_timeout": [],
    "signal_scp.raise": [],
    "signal_scp.kill_self": ["parlib-27", "parlib-60"],
    "signal_scp.interrupts_computing": [],
    "signal_scp.breaks_read": ["parlib-33", "parlib-60"],
    "signal_scp.restart": [],
    "signal_scp.mask": ["parlib-60"],
    "signal_scp.ignore": [],
    "signal_scp.reset": [],
    "signal_scp.nested": [],
    "signal_scp.alternate_stack": ["parlib-60"],
    "signal_scp.queue": [],
    "signal_scp.suspend": ["parlib-60"],
    "signal_scp.wait": ["parlib-60"],
    "signal_scp.wait_for_child": [],
    "signal_scp.errors_survive": [],
    "signal_scp.refusals": [],
    "signal_scp.default_actions": ["parlib-60"],
    "signal_scp.ends_sleepers": ["parlib-60"],
    "signal_scp.fault": ["utest-05"],
    "signal_scp.not_inherited": ["parlib-61"],
    "signal_scp.pending_once": ["parlib-61"],
    "signal.sigmask": ["parlib-60"],
    "signal.to_running_thread": ["parlib-60"],
    "signal.to_blocked_thread": [],
    "signal.to_process": ["parlib-27"],
    "signal.to_willing_thread": ["parlib-60"],
    "signal.before_block": [],
    "signal.wait_in_thread": [],
    "signal.storm": [],
    "signal.registers_survive": [],
    "epoll.taps": ["tap-01", "tap-05", "sys-54"],
    "epoll.filters": ["tap-02"],
    "epoll.edges": [],
    "epoll.ends": [],
    "epoll.ready_on_add": ["tap-07"],
    "epoll.limits": ["tap-08"],
    "epoll.pool": [],
    "epoll.timeout": [],
    "epoll.closing": [],
    "epoll.wakes_thread": [],
    "epoll.close_against_fire": ["tap-03"],
    "epoll.ten_thousand": ["event-04"],
    "poll.ready": ["tap-09"],
    "poll.ends": ["tap-09"],
    "poll.timeout": ["tap-09"],
    "poll.wakes_thread": ["tap-09"],
    "poll.refusals": [],
    "poll.signal": [],
    "poll.select": ["tap-09"],
    "poll.select_wakes": ["tap-09"],
    "pipe.failed_read": [],
    "pipe.stream": [],
    "pipe.records": [],
    "example.one": ["utest-05"],
    "example.two": [],
    "example.three": [],
    "dtls.get_without_set": [],
    "dtls.get_after_reset": [],
    "dtls.set_and_get": ["parlib-48", "utest-05"],
    "dtls.set_twice": [],
    "dtls.set_from_dtor": ["parlib-48"],
    "dtls.vcore_context": ["parlib-48"],
    "dtls.too_many": [],
    "atexit.atexit_threads": ["utest-02"],
    "file_posix.openat": ["utest-06"],
    "file_posix.open_lots_and_spawn": ["utest-06"],
    "file_posix.pipe_dup2": ["utest-06"],
    "file_posix.stdio_of_children": [],
    "qio.partial_write_to_full_queue": ["utest-07"],
    "sleep.nanosleep": [],
    "sleep.usleep": [],
    "sleep.sleep": ["utest-07"],
    "pthread.mutex_null_attr": ["utest-07"],
    "pthread.attr": ["parlib-36"],
    "pthread.default_stack": ["parlib-36", "parlib-38"],
    "pthread.detached": ["parlib-36"],
    "pthread.equal_and_self": ["parlib-36"],
    "pthread.misuse": [],
    "pthread.mask_is_inherited": [],
    "pthread.cancel_deferred": [],
    "pthread.cancel_blocked": ["parlib-36"],
    "pthread.cancel_disabled": [],
    "pthread.cancel_asynchronous": ["parlib-36"],
    "pthread.cancel_storm": [],
    "pthread.cleanup": ["parlib-36"],
    "pthread.cancel_points": ["parlib-36"],
    "pthread.cancel_signalled": ["parlib-36"],
    "pthread.cancel_enabled_again": [],
    "pthread.cancel_disabled_read": [],
    "pthread.cleanup_blocks": [],
    "pthread.mutex_kinds": ["parlib-37"],
    "pthread.condition_of_each_kind": ["parlib-37"],
    "pthread.timed": ["parlib-37"],
    "pthread.clocks": ["parlib-37"],
    "pthread.spin": ["parlib-37"],
    "pthread.rwlock": ["parlib-37"],
    "pthread.barrier_and_once": ["parlib-37"],
    "pthread.keys": ["parlib-36"],
    "pthread.semaphore": ["parlib-40"],
    "pthread.futex": ["parlib-41"],
    "pthread.futex_timeout": ["parlib-41"],
    "pthread.futex_against_timeout": [],
    "pvcalarm.pvcalarms": ["parlib-52", "utest-07"],
    "pvcalarm.real": ["parlib-52"],
    "pvcalarm.refusals": [],
    "pvcalarm.sigperf": ["parlib-42", "utest-07"],
    "efence.alloc_and_free": ["utest-05"],
    "efence.overrun": [],
    "efence.double_free": [],
    "efence.write_after_free": ["parlib-57"],
    "library.timing": ["parlib-54"],
    "library.children": ["parlib-58"],
    "library.standard_descriptors": ["parlib-58"],
    "library.provision": ["parlib-58"],
    "library.trace": ["parlib-57"],
    "library.errors_of_threads": ["parlib-63", "parlib-56"],
    "devarch.msr": ["utest-04", "core-23"],
    "devarch.mem": ["utest-04"],
    "devvars.fmt": ["utest-04"],
    "devvars.newfile": ["utest-04"],
    "devvars.test": ["utest-04"],
    "posix.access": ["sys-42"],
    "posix.descriptors": ["sys-41"],
    "posix.flags": ["sys-41"],
    "posix.debug": ["sys-41"],
    "posix.path_of": ["sys-60"],
    "posix.chmod": ["sys-51", "parlib-67"],
    "posix.truncate": ["sys-51", "parlib-67"],
    "posix.utime": ["parlib-67"],
    "posix.rename_in_place": ["sys-51"],
    "posix.nonsense": [],
    "posix.link": ["sys-45"],
    "posix.umask": ["sys-43", "proc-44"],
    "posix.far_seek": ["sys-44"],
    "posix.sync": ["sys-41", "parlib-67"],
    "posix.terminal": ["sys-55", "parlib-68"],
    "posix.shared_memory": ["parlib-68"],
    "posix.limits": ["parlib-68"],
    "posix.times": ["parlib-68"],
}

logs: dict[str, str] = {}


@pytest.fixture
def log(guest: Guest, arch: str) -> str:
    """What the suites print; they run once for each architecture."""
    if arch not in logs:
        logs[arch] = guest.run("sh /etc/runall.sh", 300).output
    return logs[arch]


def marked(name: str) -> object:
    return pytest.param(name, marks=[pytest.mark.feature(row) for row in SHOWS[name]])


@pytest.mark.parametrize("name", [marked(name) for name in SHOWS])
def test_of_user_land(log: str, name: str) -> None:
    assert re.search(rf"^PASSED {re.escape(name)} \(", log, re.MULTILINE), log


@pytest.mark.feature("utest-08")
def test_all_suites_pass_between_markers(log: str) -> None:
    body = re.search(r"^<-- BEGIN_USERSPACE_TESTS -->\n(.*)\n<-- END_USERSPACE_TESTS -->$", log, re.DOTALL | re.MULTILINE)
    assert body and "FAILED" not in body[1] and re.search(r"^[1-9]\d* suites passed, 0 failed$", body[1], re.MULTILINE), log


def test_every_test_of_the_new_suites_is_listed(log: str) -> None:
    suites = {name.partition(".")[0] for name in SHOWS}
    told = {name for name in re.findall(r"^PASSED (\S+)", log, re.MULTILINE) if name.partition(".")[0] in suites}
    assert told == set(SHOWS)


@pytest.mark.feature("utest-01")
def test_one_test_is_run_by_its_name(guest: Guest) -> None:
    answer = guest.run("utest cv.semaphore")
    assert answer.status == 0 and re.findall(r"^PASSED (\S+)", answer.output, re.MULTILINE) == ["cv.semaphore"]
    assert answer.lines[-1] == "1 passed, 0 failed"
    assert guest.run("utest cv.nonsense").status == 2


@pytest.mark.parametrize("name", ["vcores.events", "single.event_burst", "single.self_notify"])
def test_a_test_stands_alone(guest: Guest, name: str) -> None:
    """Without what another one has made before in the same process."""
    answer = guest.run(f"utest {name}", 60)
    assert answer.status == 0 and answer.lines[-1] == "1 passed, 0 failed", answer.output
