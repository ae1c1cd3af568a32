"""What else the machine does while something is measured: the share of all processors' time that went to neither the
measured processes nor idling, time stolen by the host included. From /proc/stat and /proc/<pid>/stat (proc(5))."""
import os
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")


def _machine_busy():
    with open("/proc/stat") as stat:
        fields = list(map(int, stat.readline().split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICKS  # all but idle and waiting for disks


def _process_busy(pid):
    """CPU seconds of a live process, all threads."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _own_busy():
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):  # children that have ended and were waited for
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


class Watch:
    """Between start() and share(): which part of the machine others took. pids: measured processes that go on living."""

    def __init__(self, pids=()):
        self.pids = list(pids)
        self.start()

    def _measured(self):
        return _own_busy() + sum(map(_process_busy, self.pids))

    def start(self):
        self.began, self.busy, self.own = time.monotonic(), _machine_busy(), self._measured()

    def share(self):
        seconds = max(time.monotonic() - self.began, 1e-3)
        others = (_machine_busy() - self.busy) - (self._measured() - self.own)
        # The kernel counts in ticks of 10 ms, rounded on each processor: that much is no load.
        others = max(0.0, others - 2 / TICKS)
        return others / (seconds * os.cpu_count())
