"""What a process that reads strangers' files is kept from: the network, other programs, and memory or time without end.

Separate because these are the operating system's words and nobody else should have to know them. Linux has all of
them; elsewhere what is missing is left out, and `refuse_network` says what stands in for it.
"""

import ctypes
import errno
import os
import re
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

REFUSED_CALLS = (
    "socket", "connect", "bind", "listen", "accept", "accept4", "sendmmsg",
    "io_uring_setup",  # its ring makes sockets without the calls above
    "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev",
)  # fmt: skip
"""No reader needs one of these. Memory maps and threads, which all of them need, stay allowed."""

SET_DEATH_SIGNAL, SET_NO_NEW_PRIVILEGES = 1, 38
IN_LINUX = sys.platform == "linux"
GRACE_SECONDS = 5
OUT_OF_MEMORY = re.compile(r"memory allocation|bad_alloc|out of memory|cannot allocate|failed to allocate|ENOMEM", re.I)
"""What libraries of C++ and Rust say when memory is refused them."""


@dataclass(frozen=True)
class Limits:
    """The most memory a child may take for itself, and the longest it may run."""

    bytes: int
    seconds: int


def refuse_network() -> bool:
    """From now on neither this process nor any child of it can reach a network or start a program. False when it is not
    the kernel that sees to it.

    The kernel does where there is seccomp (Linux with libseccomp). Elsewhere, such as on macOS, Python refuses its own
    sockets and programs, and for libraries written in C the settings of GDAL have to do.
    """
    if IN_LINUX:
        _prctl(SET_NO_NEW_PRIVILEGES, 1)
    try:
        import pyseccomp  # looks for its library as it is imported; whoever only asks for limits need not wait for that
    except (ImportError, OSError, RuntimeError):
        sys.addaudithook(_refuse_event)
        return False
    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for call in REFUSED_CALLS:
        with suppress(OSError, ValueError):  # a call that this machine's kernel does not have
            rules.add_rule(pyseccomp.ERRNO(errno.EACCES), call)
    rules.load()
    return True


def _refuse_event(event: str, arguments: object) -> None:
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        raise PermissionError(errno.EACCES, "a reader of files has no network and starts no program")


def limit(limits: Limits) -> None:
    """Binds this process: it is ended when it outlasts its time or its parent, gets no more memory than it may have,
    goes first when the machine runs out, and leaves no core file."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(limits.seconds)
    processor_seconds = limits.seconds * (os.cpu_count() or 1)
    resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds + GRACE_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Private memory that can be written. RLIMIT_AS would count the mapped file itself and what threads merely reserve,
    # which grows with the number of processors. macOS knows the limit, but does not hold to it.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (limits.bytes, limits.bytes))
    if IN_LINUX:
        _prctl(SET_DEATH_SIGNAL, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that there was no more memory."""
    while error is not None:
        if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
