# SPDX-License-Identifier: LGPL-2.1-or-later
"""utest [NAME…]: the unit tests of the runtime, parlib and threads.

Without names all suites run, each in a process of its own, so that one may crash, or change its process for good, beside the others.
With names just these tests, in this process: `cv.signal` is one, `cv` all of a suite. `--list` prints the suites' names.
Ends with status 0 if no test failed, 1 otherwise, 2 if there is none of these names.
"""

from lang import array, i32, u32, u64
from lib.args import help_wanted, misuse
from rt.args import args
from rt.io import flush_stdout
from rt.process import run_and_wait
from utest import call_tests, core_tests, fault_tests, harness, heap_tests, memory_tests, paging, preempt_tests, single_tests, thread_tests
from utest.fork_tests import wait_for_argument
from utest.harness import Suite, run, suites

USAGE = """usage: utest [--list] [SUITE | SUITE.TEST]…
Without names all suites run, each in a process of its own; what is named, in one, so that a debugger or `strace` sees it: a suite that
leaves the process as another one is no good before suites that need it as it was."""


def main() -> i32:
    given = args()
    if len(given) > 1 and given[1] == "--take-cores":
        return preempt_tests.take_cores()
    if len(given) > 2 and given[1] == "--wait-for":
        return wait_for_argument(given[2])
    if len(given) > 3 and given[1] == "--read-mapped":
        return paging.read_mapped(given[2], u64(given[3]))
    if len(given) > 3 and given[1] == "--read-mapped-in-thread":
        return fault_tests.read_in_thread(given[2], u64(given[3]))
    if len(given) > 2 and given[1] == "--damage":
        return heap_tests.damage(given[2])
    if len(given) > 1 and given[1] == "--list":
        for suite in suites:
            print(suite.name)
        return 0
    if len(given) > 2 and given[1] == "--suite":
        return run_suite(given[2])
    if help_wanted(USAGE):
        return 0
    if len(given) > 1:
        return run_chosen()
    return run_all_suites()


def run_all_suites() -> i32:
    failed: u32 = 0
    for suite in suites:
        arguments = array(3, str)
        arguments[0] = "utest"
        arguments[1] = "--suite"
        arguments[2] = suite.name
        flush_stdout()
        status = run_and_wait("/bin/utest", arguments[:])
        if status != 0:
            failed += 1
            print(f"FAILED suite {suite.name} (status {status})")
    print(f"{u32(len(suites)) - failed} suites passed, {failed} failed")
    return 0 if failed == 0 else 1


def run_suite(name: str) -> i32:
    for suite in suites:
        if suite.name == name:
            suite.run()
            return outcome()
    return misuse("no suite has this name", USAGE)


def run_chosen() -> i32:
    harness.choose_by_arguments()
    for suite in suites:
        harness.begin_suite(suite.name)
        suite.run()
    if harness.passed_tests + harness.failed_tests == 0:
        return misuse("no test has this name", USAGE)
    return outcome()


def outcome() -> i32:
    print(f"{harness.passed_tests} passed, {harness.failed_tests} failed")
    return 0 if harness.failed_tests == 0 else 1


@suites
class Single(Suite):
    """What a process can do before it has threads."""

    name: str = "single"

    def run(self) -> None:
        run("single.allocator", single_tests.test_allocator)
        run("single.large_blocks", single_tests.test_large_blocks)
        run("single.objects", single_tests.test_objects)
        run("single.errors", single_tests.test_errors_carry_the_kernels_words)
        run("single.null_call", single_tests.test_null_call)
        run("single.pipe", single_tests.test_pipe)
        run("single.read_lines", single_tests.test_read_lines)
        run("single.async", single_tests.test_asynchronous_calls)
        run("single.sleep", single_tests.test_sleep)
        run("single.two_sleeps", single_tests.test_two_sleeps_at_once)
        run("single.environment", single_tests.test_environment)
        run("single.events", single_tests.test_events_reach_handlers)
        run("single.event_burst", single_tests.test_burst_of_events)
        run("single.self_notify", single_tests.test_self_notify)
        run("single.locks", single_tests.test_locks_uncontended)
        run("single.scp", single_tests.test_is_single_core)
        run("single.preempted", single_tests.test_look_for_preempted)


@suites
class Calls(Suite):
    """The system calls one by one, of a single-core process."""

    name: str = "calls"

    def run(self) -> None:
        run("calls.files", call_tests.test_files)
        run("calls.sparse_file", call_tests.test_sparse_file)
        run("calls.directories", call_tests.test_directories)
        run("calls.working_directory", call_tests.test_working_directory)
        run("calls.descriptors", call_tests.test_descriptors)
        run("calls.devices", call_tests.test_devices)
        run("calls.large_transfers", call_tests.test_large_transfers)
        run("calls.file_mapping", call_tests.test_file_mapping)
        run("calls.protection", call_tests.test_protection)
        run("calls.bad_programs", call_tests.test_bad_programs)
        run("calls.create_and_run", call_tests.test_create_and_run)
        run("calls.kill", call_tests.test_kill)
        run("calls.core_calls", call_tests.test_core_calls)
        run("calls.unknown_call", call_tests.test_unknown_call)
        run("calls.nanosleep", call_tests.test_nanosleep)
        run("calls.abort", call_tests.test_abort)


@suites
class Threads(Suite):
    """Starting, joining and ending threads; with the first one, here and in what follows, the process becomes a many-core process."""

    name: str = "threads"

    def run(self) -> None:
        run("threads.join_1000", thread_tests.test_join_1000)
        run("threads.results", thread_tests.test_results)
        run("threads.detach", thread_tests.test_detach)
        run("threads.yield", thread_tests.test_yield)
        run("threads.nested_start", thread_tests.test_nested_start)
        run("threads.thread_local", thread_tests.test_thread_local)
        run("threads.floating_point", thread_tests.test_floating_point)


@suites
class Locks(Suite):
    """What threads wait for each other with."""

    name: str = "locks"

    def run(self) -> None:
        run("locks.mutex", thread_tests.test_mutex_counts_exactly)
        run("locks.pdr", thread_tests.test_pdr_lock_counts_exactly)
        run("locks.mcs", thread_tests.test_mcs_lock_uncontended)
        run("locks.mcs_pdr", thread_tests.test_mcs_pdr_lock_counts_exactly)
        run("locks.condition_ping_pong", thread_tests.test_condition_ping_pong)
        run("locks.condition_signal", thread_tests.test_condition_signal_wakes_each)
        run("locks.barrier", thread_tests.test_barrier)
        run("locks.semaphore", thread_tests.test_semaphore)
        run("locks.once", thread_tests.test_once)


@suites
class Blocking(Suite):
    """Threads that block in the kernel, beside others that run."""

    name: str = "blocking"

    def run(self) -> None:
        run("blocking.500_threads", thread_tests.test_500_threads_block)
        run("blocking.calls", thread_tests.test_calls_from_many_threads)
        run("blocking.read_beside_others", thread_tests.test_blocked_read_lets_others_run)
        run("blocking.many_readers", thread_tests.test_many_readers_of_a_pipe)
        run("blocking.sleeps_overlap", thread_tests.test_sleeps_overlap)


@suites
class VcoresAtWork(Suite):
    """Threads, memory and events while vcores come, go and are taken."""

    name: str = "vcores"

    def run(self) -> None:
        run("vcores.events", thread_tests.test_events_in_an_mcp)
        run("vcores.all_used", thread_tests.test_all_vcores_are_used)
        run("vcores.allocator", thread_tests.test_allocator_with_threads)
        run("vcores.come_and_go", thread_tests.test_vcores_come_and_go)
        run("vcores.preempted", preempt_tests.test_preempted_while_counting)
        run("vcores.indirections", preempt_tests.test_indirections_of_taken_vcores)


@suites
class ManyCore(Suite):
    """What the kernel tells a many-core process."""

    name: str = "mcp"

    def run(self) -> None:
        run("mcp.second_change_is_refused", core_tests.test_second_change_is_refused)
        run("mcp.maps_agree", core_tests.test_maps_agree)
        run("mcp.ids_agree", core_tests.test_ids_agree)
        run("mcp.event_flags", core_tests.test_event_flags)
        run("mcp.bits_coalesce", core_tests.test_bits_coalesce)
        run("mcp.kernel_events", core_tests.test_kernel_events)


@suites
class Memory(Suite):
    """Mappings that change while threads use them."""

    name: str = "memory"

    def run(self) -> None:
        run("memory.replaced_pages", memory_tests.test_no_translation_outlives_its_page)
        run("memory.reused_pages", memory_tests.test_unmapped_pages_are_reused_clean)
        run("memory.fixed", memory_tests.test_fixed_mapping_replaces)
        run("memory.rights", memory_tests.test_rights_come_and_go)
        run("memory.populate", memory_tests.test_populate_stops_where_nothing_is)
        run("memory.many_regions", memory_tests.test_regions_are_limited)
