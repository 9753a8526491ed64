"""The process that has every reader loaded and forks a child of itself for each file to be read.

It is a program of its own, `python -m harvesters.apart.nursery`, with a socket as its standard input. Whoever started
it sends one byte and a channel (a socket) for each file; the child reads what to do from the channel and answers there,
and when it has ended the nursery writes how. A channel that is closed at the other end ends its child, and the end of
the standard input ends everything, so that nothing outlives the program that asked, however that one ends.

multiprocessing's own fork server is not used: its children import the main program again, whatever that may be.
"""

import gc
import json
import os
import pickle
import select
import signal
import socket
import sys
import traceback

import harvesters.open  # noqa: F401  once for all children
from datasets.errors import RunStopped
from harvesters.apart.confine import IN_LINUX, is_out_of_memory, limit, refuse_network
from harvesters.apart.parcel import LENGTH, LOG, STATUS, Order, pack
from harvesters.formats.gdal import forget_other_drivers


def main() -> None:
    """Serves until the standard input ends."""
    forget_other_drivers()
    if not refuse_network() and IN_LINUX:
        sys.stderr.write("libseccomp2 is not installed, so only Python keeps the readers of files from the network.\n")
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _Nursery(control).serve()


class _Nursery:
    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.woken, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.poll.register(self.woken, select.POLLIN)
        self.channels: dict[int, socket.socket] = {}
        self.children: dict[int, int] = {}

    def serve(self) -> None:
        """Children by channel and by process id until the control socket ends; then none are left."""
        while True:
            for place, _ in self.poll.poll():
                if place == self.woken:
                    os.read(self.woken, 4096)
                    self._bury()
                elif place in self.channels:
                    self.poll.unregister(place)
                    self._kill(place)
                elif place == self.control.fileno() and not self._take():
                    for channel in self.channels:
                        self._kill(channel)
                    return

    def _take(self) -> bool:
        """Forks the child of the next channel; false when there will be no more."""
        byte, places, _, _ = socket.recv_fds(self.control, 1, 1)
        if not byte:
            return False
        channel = socket.socket(fileno=places[0])
        child = os.fork()
        if child == 0:
            self._live(channel)
        self.channels[channel.fileno()] = channel
        self.children[child] = channel.fileno()
        self.poll.register(channel, 0)  # hanging up is always told
        return True

    def _live(self, channel: socket.socket) -> None:
        """The life of a child, which knows nothing of its siblings and never returns."""
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self.control, *self.channels.values()):
                other.close()
            os.close(self.woken)
            _answer_one(channel)
        finally:
            sys.stderr.flush()
            os._exit(0)

    def _kill(self, place: int) -> None:
        for child, channel in self.children.items():
            if channel == place:
                os.kill(child, signal.SIGKILL)

    def _bury(self) -> None:
        while self.children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child == 0:
                return
            channel = self.channels.pop(self.children.pop(child))
            with channel:
                self._unwatch(channel)
                try:
                    channel.sendall(STATUS.pack(os.waitstatus_to_exitcode(status)))
                except OSError:  # nobody wants to know any more
                    continue

    def _unwatch(self, channel: socket.socket) -> None:
        try:
            self.poll.unregister(channel)
        except KeyError:  # it hung up
            return


def _answer_one(channel: socket.socket) -> None:
    (size,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    order: Order = pickle.loads(_exactly(channel, size))
    log = os.open(order.work / LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    limit(order.limits)
    answer = _answer(order)
    channel.sendall(LENGTH.pack(len(answer)) + answer)


def _answer(order: Order) -> bytes:
    """A word, a space and JSON: what was opened, or why it was not."""
    try:
        return b"opened " + pack(order.read(**order.arguments), order.work)
    except Exception as error:
        if is_out_of_memory(error):
            return b"memory null"
        if isinstance(error, RunStopped):
            return b"stopped " + json.dumps([type(error).__name__, error.code, str(error)]).encode()
        return b"broken " + json.dumps(traceback.format_exc()).encode()


def _exactly(channel: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = channel.recv(size - len(content))
        if not part:
            raise EOFError
        content += part
    return content


if __name__ == "__main__":
    main()
