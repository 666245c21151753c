# SPDX-License-Identifier: GPL-2.0-or-later
# Builds, runs and tests Pykaros. Every target makes what it needs on first use; `make help` lists them.

ARCH    = x86_64
SMP     = 4
MEM     = 1G
CHECKED = 1
APPEND  =
GDB     = 0
ACCEL   = auto
DEADLINE = 120
CMD     = help
PROGRAMS =
FILES =
TESTS   = tests
WHAT    =
ONLY    =
RESUME  =
JOBS    = 2
MINUTES = 30
COUNT   = 10000
SEED    =
# What `make soak` runs, one after the other: machines for MINUTES, the rest for a tenth of that each. Add yours here, with a rule of that name.
SOAKS   = soak-machines soak-oracle soak-floats soak-threads soak-explorer

PYTHON  = .venv/bin/python
VENV    = .venv/.ready
# The values as they were typed: a shell's $? or $HOME in them is the guest's, not make's.
export GUEST_COMMAND := $(value CMD)
export GUEST_APPEND  := $(value APPEND)
export PYKAROS_ARCH  := $(ARCH)
MACHINE = --arch $(ARCH) --smp $(SMP) --mem $(MEM) --checked $(CHECKED) --accel $(ACCEL) --append "$$GUEST_APPEND"

.PHONY: help qemu run debug build test bench check format features clean emulator
.SILENT:
MAKEFLAGS += --no-print-directory

help:
	echo "make qemu      boot, with the console on this terminal (Ctrl-A x quits)"
	echo "make run       boot, run CMD=\"threads 100 10; ps\" in the shell, print what it printed, exit with its status"
	echo "make debug     boot under gdb, which knows Python lines, values and processes; PROGRAMS=\"hello\" to break in a program"
	echo "make build     compile the kernel and all programs, nothing else"
	echo "make test      all tests: compiler, kernel units, machines of both architectures in QEMU; TESTS=tests/compiler for a part"
	echo "make soak      machines of both architectures under attack for MINUTES=$(MINUTES), then the compiler and units: $(SOAKS);"
	echo "               each is a target too; COUNT=$(COUNT) cases at most, SEED= to repeat one"
	echo "make bench     measures: WHAT=code compiled code against gcc's, WHAT=compiler builds, WHAT=system against Linux, all without WHAT;"
	echo "               ONLY=\"noise boot\" parts of WHAT=system, RESUME=1 those that are left"
	echo "make check     compiler diagnostics for all sources, what is proved of stacks, locks and errors, ruff, mypy"
	echo "make format    format all sources; FILES=kern/lib/ring.py for some"
	echo "make features  which rows of docs/features.md the last tests showed"
	echo "make clean     remove build/"
	echo "Variables: ARCH=$(ARCH) (x86_64, riscv) SMP=$(SMP) MEM=$(MEM) CHECKED=$(CHECKED) ACCEL=$(ACCEL) GDB=$(GDB) DEADLINE=$(DEADLINE) APPEND= (boot options)"

qemu: build emulator
	$(PYTHON) -m scripts qemu $(MACHINE) --gdb $(GDB)

run: build emulator
	$(PYTHON) -m scripts run $(MACHINE) --deadline $(DEADLINE) -- "$$GUEST_COMMAND"

debug: build emulator
	scripts/setup.sh debugger $(ARCH)
	$(PYTHON) -m scripts debug $(MACHINE) $(PROGRAMS)

# What a build says goes to standard error: standard output belongs to the command of `make run`.
build: $(VENV)
	$(PYTHON) -m compiler build --arch $(ARCH) $(if $(filter 0,$(CHECKED)),--release,--checked) >&2

test: build emulator
	scripts/setup.sh debugger any || echo "the tests of the debugger are left out" >&2
	for other in $(filter-out $(ARCH),x86_64 riscv); do $(MAKE) build emulator ARCH=$$other || exit 1; done
	for one in x86_64 riscv; do $(PYTHON) -m compiler build --arch $$one --release >&2 || exit 1; done
	scripts/setup.sh loaders
	scripts/setup.sh headers
	$(PYTHON) -m pytest -n $(JOBS) --dist loadgroup $(TESTS)

.PHONY: soak soak-calls $(SOAKS)
soak: soak-machines
	for one in $(filter-out soak-machines,$(SOAKS)); do $(MAKE) $$one MINUTES=$$((($(MINUTES) + 9) / 10)) || exit 1; done

# System calls with nonsense, allocations that fail, kills at any moment, on both architectures; nothing may be lost.
soak-machines: build emulator
	for other in $(filter-out $(ARCH),x86_64 riscv); do $(MAKE) build emulator ARCH=$$other || exit 1; done
	$(PYTHON) -m scripts soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# Random programs, compiled in four ways and under CPython; those that differ are saved and made small in build/soak/oracle/.
soak-oracle: $(VENV)
	$(PYTHON) -m tests.compiler.differential.soak --programs $(COUNT) --minutes $(MINUTES) --jobs $(JOBS) $(if $(SEED),--seed $(SEED))

# The shortest text of floats, against CPython's.
soak-floats: $(VENV)
	$(PYTHON) -m tests.compiler.differential.floats --numbers $$(($(COUNT) * 200)) --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# The real units with three preemptions and three stale reads; a scenario with more schedules than that stops after 20 seconds a minute.
soak-explorer: $(VENV)
	for file in $(filter-out %_bugs %/bugs,$(basename $(wildcard tests/host/explorer/*.py))); do \
		$(PYTHON) -m compiler explore $$file.py --preemptions 3 --stale-reads 3 --seconds $$(($(MINUTES) * 20)) || exit 1; done

# Lock-free units on real threads, two cores permitting: a tenth of the time for each test.
soak-threads: $(VENV)
	scripts/setup.sh headers
	STRESS_SECONDS=$$(($(MINUTES) * 6)) $(PYTHON) -m pytest -v tests/host/test_stress.py

# A million asynchronous calls on a machine, then as many while vcores are taken: each is told of once. Half of the time for each part.
soak-calls: build emulator
	for storm in "" "-t 8 -p 5000"; do \
		$(PYTHON) -m scripts run $(MACHINE) --deadline $$(($(MINUTES) * 30 + 120)) -- \
			"callstorm -n 1000000 -m $$(($(MINUTES) * 30)) -s $(or $(SEED),1) $$storm" || exit 1; done

bench: $(VENV)
	scripts/setup.sh gcc
	scripts/setup.sh plots
	$(PYTHON) -m scripts bench $(WHAT) $(foreach part,$(ONLY),--only $(part)) $(if $(RESUME),--resume)

check: $(VENV)
	$(PYTHON) -m compiler check --world kernel --arch $(ARCH) --report
	$(PYTHON) -m compiler check --world user --arch $(ARCH) --report
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -m scripts types
	$(PYTHON) -m scripts format --check

format: $(VENV)
	$(PYTHON) -m scripts format $(FILES)

features: $(VENV)
	$(PYTHON) -m scripts features

clean:
	rm -rf build

$(VENV): pyproject.toml scripts/setup.sh
	scripts/setup.sh venv
	touch $@

emulator:
	scripts/setup.sh qemu qemu-system-$(ARCH:riscv=riscv64)
