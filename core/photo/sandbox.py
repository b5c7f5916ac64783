"""Irrevocably drops every privilege that a process that only decodes bytes does not need.

Three fences, each of them whole by itself: limits of the kernel on memory, processor time, files and core dumps;
`no_new_privs`; and a seccomp filter that lets through the few calls which decoding needs, and no file, socket, process
or executable page. The filter needs Linux and libseccomp, the first two fences any Unix or Linux.

Call `confine` after everything has been imported: nothing can be opened afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import resource
import signal
import sys
import time
from typing import Any

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_THREAD = 0x00010000
_PROT_EXEC = mmap.PROT_EXEC

_HARMLESS = (
    "brk", "munmap", "mremap", "madvise",
    "futex", "set_robust_list", "rseq", "sched_yield", "sched_getaffinity", "exit",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall", "alarm", "setitimer",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    "getpid", "gettid", "getrusage", "getrandom", "exit_group",
)  # fmt: skip
"""Calls that reach nothing outside the process, with any arguments."""

CPU_SECONDS_IN_ALL = 600
"""The hard limit, over all photos of a process: what takes it over cannot raise it."""

MAX_TASKS = 4096
"""Processes and threads of our user. A limit of 0 would keep libde265 and dav1d from starting the threads they decode
HEIC and AVIF in, and the kernel counts every task of the user, in other containers as well. This much stops a fork
bomb where there is no filter."""


def confine(*, read_from: int, write_to: int, memory: int) -> list[str]:
    """Fence this process in and name the fences that stand: "limits", "no_new_privs", "seccomp".

    It may read one file descriptor, write to one and take `memory` bytes of address space. Raises nothing: a fence that
    this machine does not have is not among the names.
    """
    filters = _filter_library()
    _set_limits(memory)
    fences = ["limits"]
    if _give_up_privileges():
        fences.append("no_new_privs")
    if filters is not None and _filter_calls(filters, read_from, write_to):
        fences.append("seccomp")
    return fences


def allow_seconds(cpu: float, wall: float) -> None:
    """From now on at most so many seconds, of the processor and of the clock; then the kernel ends the process."""
    ends = min(CPU_SECONDS_IN_ALL, int(time.process_time() + cpu) + 1)
    resource.setrlimit(resource.RLIMIT_CPU, (ends, CPU_SECONDS_IN_ALL))
    signal.alarm(int(wall) + 1)


def _set_limits(memory: int) -> None:
    """Memory, files, core dumps (they would hold somebody's photo), processor time and processes."""
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: CPU_SECONDS_IN_ALL,
        resource.RLIMIT_NOFILE: 0,  # those that are open stay open
        resource.RLIMIT_NPROC: MAX_TASKS,
    }
    for kind, limit in wanted.items():
        # macOS knows RLIMIT_AS but refuses it.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, limit))


def _filter_library() -> Any:
    """The binding to libseccomp; None where there is no such library."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError):
        return None
    return pyseccomp


def _give_up_privileges() -> bool:
    """No program started from here could gain rights, and nobody without rights may look into this process."""
    if sys.platform != "linux":
        return False
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return bool(prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def _filter_calls(seccomp: Any, read_from: int, write_to: int) -> bool:
    """Load the filter. Whatever is not allowed fails with EPERM, which decoders take for an ordinary fault."""
    rules = seccomp.SyscallFilter(defaction=seccomp.ERRNO(errno.EPERM))
    equal, masked = seccomp.EQ, seccomp.MASKED_EQ
    try:
        for name in _HARMLESS:
            # A call that this processor never had (`time` on ARM) needs no rule.
            with contextlib.suppress(OSError):
                rules.add_rule(seccomp.ALLOW, name)
        rules.add_rule(seccomp.ALLOW, "read", seccomp.Arg(0, equal, read_from))
        rules.add_rule(seccomp.ALLOW, "write", seccomp.Arg(0, equal, write_to))
        # Memory, but none that can be run.
        rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, masked, _PROT_EXEC, 0))
        rules.add_rule(seccomp.ALLOW, "mprotect", seccomp.Arg(2, masked, _PROT_EXEC, 0))
        # Threads (of libheif and dav1d), but no processes. Its successor hides its flags from filters: then the C
        # library falls back on this one.
        rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, masked, _CLONE_THREAD, _CLONE_THREAD))
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
        rules.add_rule(seccomp.ALLOW, "prlimit64", seccomp.Arg(0, equal, 0))
        # So that abort() ends the process as itself.
        rules.add_rule(seccomp.ALLOW, "tgkill", seccomp.Arg(0, equal, os.getpid()))
        rules.load()
    except OSError:  # a kernel or a container without seccomp
        return False
    return True
