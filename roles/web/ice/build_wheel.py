#!/usr/bin/env python3
"""Build a zeroc-ice 3.6.5 wheel for the interpreter that runs this script.

omero-py needs zeroc-ice 3.6, the package index has only its source, and that source neither
compiles on Python 3.11 or later nor uses more than one core. So: check the archive, apply
FIXES, and let the archive's own setup.py (which decides what goes into the wheel) run with a
build_ext that compiles on every core. The running interpreter must have setuptools 70.1 or
later; the host needs g++, python3-dev, libssl-dev and libbz2-dev.
"""

import argparse
import functools
import hashlib
import logging
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import setuptools
from setuptools.command.build_ext import build_ext

SHA256 = "4235ffeb605bcd4e22e716577f7d61e4aa1bc82f65276bb542701a81b7933356"

# Every fix is valid on Python 3.10 to 3.13: (file, upstream's text, ours, how often it occurs).
FIXES = (
    # 3.11 dropped eval.h; Python.h has always declared what Slice.cpp takes from these two.
    ("src/Slice.cpp", "#include <compile.h>\n#include <eval.h>\n", "", 1),
    # 3.11 made PyThreadState opaque.
    ("src/Util.cpp", "PyThreadState_GET()->frame", "PyEval_GetFrame()", 1),
    # 3.12 dropped imp.
    ("lib/Ice.py", "import sys, string, imp, os,", "import sys, string, types, os,", 1),
    ("lib/Ice.py", "imp.new_module(curr)", "types.ModuleType(curr)", 1),
    # 3.13 dropped PyEval_InitThreads, which has done nothing since 3.9, ...
    ("src/Init.cpp", "    PyEval_InitThreads();\n", "", 1),
    # ... PyEval_CallObject ...
    ("src/Types.cpp", "PyEval_CallObject(", "PyObject_CallObject(", 2),
    ("src/Util.cpp", "PyEval_CallObject(", "PyObject_CallObject(", 1),
    # ... and PyObject_AsReadBuffer. This is CPython 3.12's own body of it (Objects/abstract.c).
    ("src/Types.cpp", "PyObject_AsReadBuffer(p, &buf, &sz) == 0", "readBuffer(p, buf, sz)", 2),
    (
        "src/Types.cpp",
        "using namespace IcePy;\n",
        """using namespace IcePy;

static bool
readBuffer(PyObject* p, const void*& data, Py_ssize_t& size)
{
    Py_buffer view;
    if(PyObject_GetBuffer(p, &view, PyBUF_SIMPLE) != 0)
    {
        return false;
    }
    data = view.buf;
    size = view.len;
    PyBuffer_Release(&view);
    return true;
}
""",
        1,
    ),
)

# These stand after Python's own CFLAGS (Debian's have -O2 -g) and so win over them. Ice 3.6 is
# C++98: read as such, the standard library's headers take a third less time than as C++17, and
# Python's headers allow it (CPython tests them with C++03). The preprocessor, mcpp, is C89, with
# variables named "true", and hides readlink() from itself: errors for GCC 15 and 14.
FASTER = ["-O1", "-g0", "-pipe"]
FLAGS = {
    ".cpp": [*FASTER, "-std=gnu++98"],
    ".c": [*FASTER, "-std=gnu89", "-D_GNU_SOURCE"],
}


class ParallelBuild(build_ext):
    """build_ext that compiles the files of an extension, not whole extensions, in parallel."""

    compiler: Any

    def build_extensions(self) -> None:
        """Swap the compiler's compile() for one that calls it file by file from threads."""
        jobs = int(self.parallel or 1)
        self.parallel = None
        self.extensions[0].extra_link_args += ["-s"]
        self.compiler.compile = functools.partial(compile_all, self.compiler.compile, jobs)
        super().build_extensions()


def compile_all(
    compile_some: Any, jobs: int, sources: list[str], *, extra_postargs: list[str], **options: Any
) -> list[str]:
    """Compile the largest files first, so that no core waits long for the last one."""

    def compile_one(source: str) -> Any:
        flags = [*extra_postargs, *FLAGS[Path(source).suffix]]
        return compile_some([source], extra_postargs=flags, **options)

    progress = Progress(sources)
    largest_first = sorted(sources, key=progress.weigh, reverse=True)
    pool = ThreadPoolExecutor(jobs)
    try:
        tasks = {pool.submit(compile_one, source): source for source in largest_first}
        objects = {}
        for task in as_completed(tasks):
            objects[tasks[task]] = task.result()
            progress.report(tasks[task])
    finally:
        pool.shutdown(cancel_futures=True)
    return [path for source in sources for path in objects[source]]


class Progress:
    """Tell every 10 seconds how far the compiler is."""

    def __init__(self, sources: list[str]) -> None:
        self.started = self.told = time.monotonic()
        self.total, self.done = len(sources), 0
        self.work_left = self.work = sum(map(self.weigh, sources))

    @staticmethod
    def weigh(source: str) -> int:
        """Guess the time that a file takes: its size, and 60 kB for what it includes."""
        return Path(source).stat().st_size + 60_000

    def report(self, source: str) -> None:
        """Count a file, and say so if nothing was said for 10 seconds."""
        self.done += 1
        self.work_left -= self.weigh(source)
        now = time.monotonic()
        if now - self.told >= 10 or self.done == self.total:
            self.told = now
            left = (now - self.started) * self.work_left / (self.work - self.work_left)
            about = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
            say(f"compiled {self.done} of {self.total} files, about {about} left")


def say(text: str) -> None:
    """Print one line of progress at once, also into a pipe."""
    print(f"zeroc-ice: {text}", flush=True)


def fetch(folder: Path) -> Path:
    """Get the source archive from the package index that pip is configured for."""
    say("getting the source archive")
    wanted = folder / "requirements.txt"
    wanted.write_text(f"zeroc-ice==3.6.5 --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    pip += ["--no-binary", ":all:", "--require-hashes", "--dest", str(folder), "-r", str(wanted)]
    subprocess.run(pip, check=True)
    return next(folder.glob("zeroc*.tar.gz"))


def fix(source: Path) -> None:
    """Apply FIXES; a source that is not as expected is an error, never a silent skip."""
    for name, old, new, count in FIXES:
        text = (source / name).read_text(encoding="utf-8")
        if text.count(old) != count:
            sys.exit(f"zeroc-ice: {name} does not hold {count} times: {old!r}")
        (source / name).write_text(text.replace(old, new), encoding="utf-8")


def build(archive: Path | None, output: Path, jobs: int) -> Path:
    """Build in a hidden folder of the output folder and move the finished wheel out of it."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".zeroc-ice-", dir=output) as name:
        folder = Path(name).resolve()
        archive = archive or fetch(folder)
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            sys.exit(f"zeroc-ice: {archive} has not the sha256 {SHA256}")
        shutil.unpack_archive(archive, folder)
        source = folder / "zeroc-ice-3.6.5"
        fix(source)
        setuptools.setup = functools.partial(
            setuptools.setup,
            script_args=["--quiet", "bdist_wheel", "--dist-dir", str(folder)],
            cmdclass={"build_ext": ParallelBuild},
            options={"build_ext": {"parallel": str(jobs)}},
        )
        os.chdir(source)  # relative paths in the objects: the same bytes wherever it is built
        runpy.run_path("setup.py", run_name="__main__")
        (wheel,) = folder.glob("*.whl")
        return wheel.rename(output / wheel.name)


def main() -> None:
    """Read the arguments and build."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--archive", type=Path, help="the source (default: pip gets it)")
    parser.add_argument("--output", type=Path, required=True, help="folder for the wheel")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=cores, help="default: every core (%(default)s)")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # upstream's setup.py is old: what setuptools and ...
    warnings.simplefilter("ignore")  # ... Python say about it is of no use to who runs this
    os.umask(0o022)
    os.environ.setdefault("SOURCE_DATE_EPOCH", "1564531200")  # the day of the archive's files
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the hidden folder goes too
    archive = arguments.archive and arguments.archive.resolve()
    try:
        wheel = build(archive, arguments.output.resolve(), arguments.jobs)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"zeroc-ice: {error}")
    say(f"built {wheel} in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
