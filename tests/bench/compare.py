#!/usr/bin/env python3
"""Measures thaw beside PyTorch and others, interleaved: in each round every contender takes its turn. Prints a table in
Markdown; keeps all samples in a file, so that a row can be measured again alone. README.md says how.

  compare.py --thaw build/thaw --python /usr/bin/python3 [--python OTHER]... [--results FILE] [ROW...]"""
import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time

import contenders
import kinds
from rows import ROWS


def parse():
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--thaw", default="build/thaw", help="the program")
    parser.add_argument("--python", action="append", default=[], help="an interpreter that has torch; may be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each contender in each round; a step at the least")
    parser.add_argument("--data", help="folder of the ants and bees: train and val with a folder a class")
    parser.add_argument("--weights", help="a torch state dict of ResNet-18, for the whole fine-tune")
    parser.add_argument("--work", default="/tmp", help="where runs are made")
    parser.add_argument("--results", default="results.json")
    parser.add_argument("--without", default="", help="contenders that begin so are left out, separated by commas")
    parser.add_argument("--only", default="", help="contenders that begin so, no others")
    parser.add_argument("--hold", metavar="COMMAND",
                        help="runs while something is measured: prints a line once the machine is ours, gives it back at "
                        "the end of its input, as flock FILE sh -c 'echo; cat' does")
    parser.add_argument("--list", action="store_true", help="prints the rows")
    parser.add_argument("--table", action="store_true", help="prints the table of what is in the results, measures nothing")
    parser.add_argument("--peers", metavar="FILE", help="writes what peers reached, for `thaw bench --compare`")
    parser.add_argument("row", nargs="*")
    return parser.parse_args()


class Hold:
    """The machine for ourselves, where others agree to wait for a command: it prints a line once it holds, and lets go at
    the end of its input. It is held for LONGEST seconds and a sample, then others have their turn."""

    LONGEST = 45

    def __init__(self, command):
        self.command, self.process, self.since = command, None, 0

    def turn(self):
        if not self.command:
            return
        if self.process and time.monotonic() - self.since > self.LONGEST:
            self.let_go()
            time.sleep(0.2)
        if not self.process:
            self.process = subprocess.Popen(self.command, shell=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            if not self.process.stdout.readline():
                sys.exit(f"`{self.command}` ended instead of holding the machine; nothing more is measured")
            self.since = time.monotonic()

    def let_go(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def wanted(options, contender):
    split = lambda text: tuple(part for part in text.split(",") if part)
    if options.only and not contender.name.startswith(split(options.only)):
        return False
    return not (options.without and contender.name.startswith(split(options.without)))


def begin(row, field, hold):
    """Those of the field that came up."""
    up = []
    for contender in field:
        hold.turn()
        try:
            contender.begin()
            up.append(contender)
        except (RuntimeError, OSError) as fault:
            print(f"{row['id']}: {fault}", file=sys.stderr)
    return up


def measure(row, options, hold):
    """{contender: {"samples", "other", "facts"}} of one row."""
    field = [contender for contender in kinds.make(row, options) if wanted(options, contender)]
    got = {contender.name: {"samples": [], "other": [], "facts": contender.facts} for contender in field}
    try:
        field = begin(row, field, hold)
        for number in range(options.rounds):
            for contender in field:
                hold.turn()
                value, other = contender.sample(options.seconds)
                got[contender.name]["samples"].append(round(value, 5))
                got[contender.name]["other"].append(round(other, 4))
            print(f"{row['id']} round {number + 1}: " + ", ".join(
                f"{name} {values['samples'][-1]:.4g}" for name, values in got.items() if values["samples"]),
                file=sys.stderr, flush=True)
    finally:
        for contender in field:
            contender.end()
        hold.let_go()
    return {name: values for name, values in got.items() if values["samples"]}


def load(path):
    if not os.path.exists(path):
        return {"machine": machine(), "rows": {}}
    with open(path) as file:
        return json.load(file)


def machine():
    with open("/proc/cpuinfo") as info:
        name = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())
    return f"{name}, {os.cpu_count()} cores, Linux {platform.release()}"


def main():
    options = parse()
    if options.list:
        print("\n".join(row["id"] for row in ROWS))
        return
    known = {row["id"] for row in ROWS}
    unknown = [name for name in options.row if name not in known]
    if unknown:
        sys.exit(f"no such row: {', '.join(unknown)} (--list)")
    options.pythons = {} if options.table else {contenders.python_version(python): python for python in options.python}
    results, hold = load(options.results), Hold(options.hold)
    for row in ROWS:
        if options.table or (options.row and row["id"] not in options.row):
            continue
        when = datetime.datetime.now().isoformat(timespec="seconds")
        for name, values in measure(row, options, hold).items():
            results["rows"].setdefault(row["id"], {})[name] = dict(values, when=when)
        with open(options.results + ".new", "w") as file:
            json.dump(results, file, indent=1)
        os.replace(options.results + ".new", options.results)
    print(kinds.table(results, [row for row in ROWS if not options.row or row["id"] in options.row]))
    if options.peers:
        with open(options.peers, "w") as file:
            json.dump(kinds.peers(results), file, indent=1)


main()
