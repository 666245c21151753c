# SPDX-License-Identifier: GPL-2.0-or-later
"""One world from source to IR, in a process of its own: the front end holds no lock that two worlds could share.

A world whose inputs have not changed is not even parsed: its last result stands in a manifest, with the hash of every
file that it read. The IR of modules whose object is missing is left in the cache for the code generator.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler.backend.cache import Cache, digest
from compiler.backend.child import Child
from compiler.backend.codegen import Job, object_key
from compiler.backend.dynamic import LINKER, independent_ir, independent_target, libraries, reached
from compiler.backend.target import Target, target_for
from compiler.report import paint_for

if TYPE_CHECKING:
    from compiler.syntax.loader import Loader, World
    from compiler.types.program import Program

MANIFEST_EDITION = "4"


@dataclass
class WorldResult:
    kind: str
    errors: list[str] = field(default_factory=list)  # rendered diagnostics
    crash: str = ""  # a traceback of the front end, for the log
    objects: list[tuple[str, str]] = field(default_factory=list)  # (module, object key), in link order
    independent: list[tuple[str, str]] = field(default_factory=list)  # position-independent twins of some (dynamic.py)
    stacks: dict[str, Any] = field(default_factory=dict)  # the model for the check of stacks (effects/stacks.py)
    findings: dict[str, Any] = field(default_factory=dict)  # what else was proved, for `check --report` (compiler/proofs.py)
    seconds: dict[str, float] = field(default_factory=dict)


class WorldProcess:
    """A front end at work on one world. `pipe` becomes readable when `result` will not block."""

    def __init__(self, kind: str, arch: str, checked: bool, level: int, repo: Path, cache: Cache) -> None:
        self.kind = kind
        self.child = Child("compiler.backend.world:serve", kind, arch, checked, level, repo, cache.root)

    @property
    def pipe(self) -> Connection:
        return self.child.pipe

    def result(self) -> WorldResult:
        try:
            found = self.child.receive()
        except EOFError:
            return WorldResult(self.kind, crash=f"the front end's process ended with status {self.child.wait()}\n")
        self.child.wait()
        return found

    def stop(self) -> None:
        self.child.stop()


def jobs_of(result: WorldResult, arch: str, level: int, cache: Cache) -> list[Job]:
    """What is left for the code generator: the objects that the cache does not hold."""
    target = target_for(arch, result.kind)
    jobs = []
    for objects, how in ((result.objects, target), (result.independent, independent_target(target))):
        missing = {key: module for module, key in objects if cache.find(key) is None or cache.find(key, ".stack") is None}
        jobs += [Job(module, cache.path(key, ".ll"), key, how, level) for key, module in missing.items()]
    return jobs


def serve(pipe: Connection, kind: str, arch: str, checked: bool, level: int, repo: Path, cache_root: Path) -> None:
    gc.disable()  # all that is made here lives as long as the process, which is short
    try:
        found = compile_world(kind, arch, checked, level, repo, Cache(cache_root))
    except Exception:  # noqa: BLE001  whatever it is, the parent logs it
        found = WorldResult(kind, crash=traceback.format_exc())
    pipe.send(found)


def compile_world(kind: str, arch: str, checked: bool, level: int, repo: Path, cache: Cache) -> WorldResult:
    """Analyse and lower a world, or find that nothing changed since it was done last."""
    from compiler.syntax.loader import World

    start = time.monotonic()
    world = World(kind=kind, arch=arch, checked=checked, repo=repo)
    identity = digest(MANIFEST_EDITION, kind, arch, str(checked), str(level), str(repo), _compiler_state(repo), _llvm_version())
    manifest = cache.root / f"manifest-{kind}-{arch}-{'checked' if checked else 'release'}.json"
    reused = _reuse(manifest, identity, world, arch, level, cache)
    if reused is not None:
        reused.seconds["checking"] = time.monotonic() - start
        return reused
    return _compile(world, identity, manifest, level, cache)


def _compile(world: World, identity: str, manifest: Path, level: int, cache: Cache) -> WorldResult:
    from compiler.frontend import analyse, lower
    from compiler.proofs import findings_of

    start = time.monotonic()
    program = analyse(world)
    result = WorldResult(world.kind, [e.render(paint_for(sys.stderr)) for e in program.errors])
    result.seconds["analysis"] = time.monotonic() - start
    if result.errors:
        return result
    result.stacks = program.stacks.to_json()
    result.findings = findings_of(program)
    start = time.monotonic()
    modules = lower(program)
    result.seconds["lowering"] = time.monotonic() - start
    target = target_for(world.arch, world.kind)
    result.objects = _keys(modules, target, level, cache)
    roots = _dynamic_roots(world.repo) if world.kind == "user" else []
    if roots:
        twins = {name: independent_ir(modules[name]) for name in reached(modules, roots)}
        result.independent = _keys(twins, independent_target(target), level, cache)
    files = {str(p): _hash(p) for p in _files_read(program)}
    record = {"identity": identity, "inputs": _inputs(world, program.loader), "files": files, "result": asdict(result)}
    manifest.write_text(json.dumps(record))
    return result


def _keys(modules: dict[str, str], target: Target, level: int, cache: Cache) -> list[tuple[str, str]]:
    """The object key of each module; the IR of those that the cache has no object of is left there."""
    version = _llvm_version()
    found = []
    for name in sorted(modules):
        key = object_key(modules[name], target, level, version)
        found.append((name, key))
        if cache.find(key) is None or cache.find(key, ".stack") is None:
            cache.put(key, modules[name].encode(), ".ll")
    return found


def _dynamic_roots(repo: Path) -> list[str]:
    """Where the code begins that is linked dynamically; nothing, if no program is."""
    from compiler.backend.image import dynamic_programs

    programs = dynamic_programs(repo).values()
    return [*programs, *libraries(repo).values(), LINKER] if programs else []


def _reuse(manifest: Path, identity: str, world: World, arch: str, level: int, cache: Cache) -> WorldResult | None:
    """The last result, if the compiler, the set of files and every file's content are the same and its objects exist."""
    try:
        record = json.loads(manifest.read_text())
    except (OSError, ValueError):
        return None
    if record["identity"] != identity:
        return None
    try:
        if any(_hash(Path(name)) != known for name, known in record["files"].items()):
            return None
    except OSError:
        return None
    if record["inputs"] != _inputs(world, _fresh_loader(world)):
        return None
    result = WorldResult(world.kind, objects=[(m, k) for m, k in record["result"]["objects"]], stacks=record["result"]["stacks"])
    result.independent = [(m, k) for m, k in record["result"]["independent"]]
    result.findings = record["result"]["findings"]
    jobs = jobs_of(result, arch, level, cache)
    return result if all(job.ir.is_file() for job in jobs) else None


def _fresh_loader(world: World) -> Loader:
    from compiler.diagnostics import Reporter
    from compiler.syntax.loader import Loader

    return Loader(world, Reporter())


def _inputs(world: World, loader: Loader) -> str:
    """What a world is made of besides the files' contents: which files there are, and the declared system calls."""
    from compiler.syntax.syscalls import syscall_module

    stubs = syscall_module(loader) if world.kind in ("kernel", "user") else ""
    return digest(stubs, *map(str, loader.root_files()))


def _files_read(program: Program) -> list[Path]:
    """The sources of the world's modules. (Kernel files that only declare system calls count by their stubs.)"""
    return sorted({m.source.path for m in program.modules.values() if m.source.path.is_file()})


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _compiler_state(repo: Path) -> str:
    """A hash of the compiler itself: whatever it was compiled by before is then compiled again."""
    home = Path(__file__).resolve().parents[1]
    parts = [p for p in sorted(home.rglob("*.py")) if p.parts[len(home.parts)] != "host"]
    return digest(*(p.read_bytes() for p in parts))


def _llvm_version() -> str:
    from importlib.metadata import version

    return "llvmlite " + version("llvmlite")
