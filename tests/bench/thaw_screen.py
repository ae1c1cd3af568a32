#!/usr/bin/env python3
"""thaw_screen.py PROGRAM FOLDER: starts the workbench on a pseudo-terminal of 80x24; prints the milliseconds from process
start to the end of its first frame (its last line, the keys, is there) and until the experiment is open (the last output
before the first silence), and the memory it holds when idle. FOLDER is for the sample world, which a first start ever
draws: that is done before, and not counted."""
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

SILENCE, LAST_LINE = 0.5, b"quit"  # seconds; of the frame's last line


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) / 1024


def frames(master, began):
    """Seconds to the end of the first frame and of the last one, bytes of the first."""
    first, output, last = None, b"", began
    while select.select([master], [], [], SILENCE if first else 30)[0]:
        output += os.read(master, 1 << 16)
        last = time.perf_counter()
        if not first and LAST_LINE in output:
            first, size = last, len(output)
    return first - began, last - began, size


def main():
    program, folder = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    homes = {name: os.path.join(folder, name) for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
                                                             "XDG_CONFIG_HOME")}
    env = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", **homes)
    samples = os.path.join(folder, "samples")
    if not os.path.exists(samples):
        subprocess.run([program, "samples", samples, "--american", "2"], check=True, env=env, stderr=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
    began = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execve(program, [program, "--offline", "--samples", samples], env)
    first, opened, size = frames(master, began)
    time.sleep(1)
    told = {"first_frame_ms": 1e3 * first, "opened_ms": 1e3 * opened, "frame_bytes": size, "idle_mib": resident_mib(pid)}
    os.kill(pid, 15)
    os.waitpid(pid, 0)
    print(json.dumps(told))


main()
