#!/usr/bin/env python3
"""thaw_screen.py PROGRAM: starts the workbench on a pseudo-terminal of 80x24; prints how long its first whole frame took
(to the end of the first burst of output that reaches the screen's last line) and what memory it holds when idle."""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import time

QUIET = 0.2  # seconds without output: the frame is whole


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def main():
    home = tempfile.mkdtemp(prefix="bench-screen-")
    env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", XDG_DATA_HOME=home, XDG_CACHE_HOME=home,
               XDG_STATE_HOME=home, XDG_CONFIG_HOME=home)
    began = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execve(sys.argv[1], [sys.argv[1], "--offline"], env)
    size, last, first = 0, began, None
    while True:
        ready, _, _ = select.select([master], [], [], QUIET if size else 5)
        if not ready:
            break
        data = os.read(master, 1 << 16)
        size, last = size + len(data), time.perf_counter()
        if first is None and size >= 1000:  # a frame's worth of cells has come
            first = last
        if last - began > 5:
            break
    time.sleep(1)
    told = {"first_frame_ms": 1e3 * ((first or last) - began), "first_burst_ms": 1e3 * (last - began), "bytes": size,
            "idle_mib": resident_mib(pid)}
    os.write(master, b"q")
    time.sleep(0.2)
    os.kill(pid, 15)
    os.waitpid(pid, 0)
    print(json.dumps(told))


main()
