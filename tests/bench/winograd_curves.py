#!/usr/bin/env python3
"""Does training go as well when convolutions are computed by Winograd's filtering? Trains the sample road signs from
scratch, with `train.winograd` on and off, from several seeds each, and prints each epoch's means in Markdown beside the
spread that another seed alone makes.

  winograd_curves.py --thaw build/thaw --work /tmp/curves [american] [indian]

A run that is finished in --work is read, not made again."""
import argparse
import concurrent.futures
import datetime
import json
import math
import os
import subprocess
import sys

EXPERIMENTS = {"american": "american-resnet20.ini", "indian": "indian-scratch.ini"}
WINOGRAD = ("on", "off")
# What is told of an epoch: the event's kind, its field, and what makes it the table's figure.
CURVES = {"training loss": ("epoch", "loss", 1), "validation accuracy, %": ("eval", "accuracy", 100)}


def parse():
    parser = argparse.ArgumentParser(formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--thaw", default="build/thaw", help="the program")
    parser.add_argument("--work", default="/tmp/winograd-curves", help="where datasets and runs are made")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, on one thread each: their bits are the same")
    parser.add_argument("--table", action="store_true", help="prints what the runs in --work tell, trains nothing")
    parser.add_argument("data", nargs="*", help=f"of {', '.join(EXPERIMENTS)}; all of them unless said")
    options = parser.parse_args()
    unknown = [name for name in options.data if name not in EXPERIMENTS]
    if unknown:
        parser.error(f"no such sample: {', '.join(unknown)}")
    if options.seeds < 2 or options.epochs < 1 or options.jobs < 1:
        parser.error("a spread needs two seeds at least, a curve one epoch, and a run must be let run")
    options.data = options.data or list(EXPERIMENTS)
    return options


def environment(work):
    """The program's own folders lie in --work, so that a measurement leaves no traces elsewhere."""
    return dict(os.environ, **{f"XDG_{name}_HOME": os.path.join(work, name.lower())
                               for name in ("DATA", "CACHE", "STATE", "CONFIG")})


def gently(command, work):
    """Runs at the lowest priority, since results do not depend on speed; gives what it printed."""
    done = subprocess.run(["nice", "-n", "19", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment(work))
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def draw_samples(options):
    samples = os.path.join(options.work, "samples")
    if not os.path.exists(samples):
        gently([options.thaw, "samples", samples + ".new"], options.work)
        os.rename(samples + ".new", samples)


def read_events(run):
    with open(os.path.join(run, "events.jsonl")) as file:
        return [json.loads(line) for line in file]


def find_run(folder, epochs):
    """The finished run of so many epochs in this folder, or None."""
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        run = os.path.join(folder, name)
        if os.path.exists(os.path.join(run, "events.jsonl")):
            events = read_events(run)
            whole = [event for event in events if event["kind"] == "run" and event["epochs"] == epochs]
            if whole and any(event["kind"] == "done" and event["how"] == "finished" for event in events):
                return run
    return None


def train(options, data, winograd, seed):
    """The run's directory; one that is not finished is made again."""
    folder = os.path.join(options.work, "runs", f"{data}-{winograd}-{seed}")
    run = find_run(folder, options.epochs)
    if run or options.table:
        return run or sys.exit(f"{folder}: no finished run of {options.epochs} epochs")
    experiment = os.path.join(options.work, "samples", EXPERIMENTS[data])
    settings = [f"train.epochs={options.epochs}", f"train.winograd={winograd}", f"train.seed={seed}", "train.threads=1",
                "train.kernels=built-in"]  # the same on every machine; with it, Winograd is used wherever it is worth while
    printed = gently([options.thaw, "train", experiment, "--run", folder, "--json",
                      *[part for setting in settings for part in ("--set", setting)]], options.work)
    told = json.loads(printed)
    print(f"{data}, winograd {winograd}, seed {seed}: {100 * told['accuracy']:.2f} % after {told['seconds']:.0f} s",
          file=sys.stderr, flush=True)
    return told["run"]


def curve(run, which, epochs):
    """One figure an epoch."""
    kind, field, scale = CURVES[which]
    values = {event["epoch"]: scale * float(event[field]) for event in read_events(run) if event["kind"] == kind}
    missing = [epoch for epoch in range(1, epochs + 1) if not math.isfinite(values.get(epoch, math.nan))]
    if missing:
        sys.exit(f"{run}: no {which} of epoch {missing[0]}")
    return [values[epoch] for epoch in range(1, epochs + 1)]


def mean(values):
    return sum(values) / len(values)


def variance(values):
    return sum((value - mean(values)) ** 2 for value in values) / (len(values) - 1)


def compare(on, off):
    """One epoch: the seeds' figures with and without. The deviation is pooled over both; the range is the wider one."""
    return dict(on=mean(on), off=mean(off), difference=mean(on) - mean(off),
                deviation=math.sqrt((variance(on) + variance(off)) / 2), range=max(max(on) - min(on), max(off) - min(off)))


def verdict(which, epochs):
    """Sentences about one curve; `epochs` as compare makes them."""
    worst = max(range(len(epochs)), key=lambda i: abs(epochs[i]["difference"]))
    most = epochs[worst]
    size = abs(most["difference"])
    inside = {spread: sum(abs(epoch["difference"]) <= epoch[spread] for epoch in epochs)
              for spread in ("deviation", "range")}
    is_in = {spread: "within" if size <= most[spread] else "beyond" for spread in inside}
    return (f"- {which}: the means differ most in epoch {worst + 1}, by {size:.3g}; between seeds the standard deviation is "
            f"{most['deviation']:.3g} there ({is_in['deviation']} it) and the range {most['range']:.3g} "
            f"({is_in['range']} it). The difference is within the standard deviation in {inside['deviation']} epochs of "
            f"{len(epochs)}, within the range in {inside['range']}; over all epochs it is "
            f"{mean([epoch['difference'] for epoch in epochs]):+.2g} on average, in the last one "
            f"{epochs[-1]['difference']:+.2g}.")


def table(options, data, runs):
    """runs: {winograd: [directory]}, a directory a seed."""
    begun = [event for event in read_events(runs["on"][0]) if event["kind"] == "run"][0]
    compared = {}
    for which in CURVES:
        curves = {winograd: [curve(run, which, options.epochs) for run in runs[winograd]] for winograd in WINOGRAD}
        compared[which] = [compare([line[i] for line in curves["on"]], [line[i] for line in curves["off"]])
                           for i in range(options.epochs)]
    heads = [f"{which}: on | off | difference | deviation | range" for which in CURVES]
    out = [f"### {data}: {begun['model']}, {begun['train_images']} training and {begun['val_images']} validation images",
           "", f"| epoch | {' | '.join(heads)} |", "|" + "---|" * (1 + 5 * len(CURVES))]
    for i in range(options.epochs):
        cells = [f"{compared[which][i][column]:{'+' if column == 'difference' else ''}.{digits}f}"
                 for which, digits in zip(CURVES, (4, 2)) for column in ("on", "off", "difference", "deviation", "range")]
        out.append(f"| {i + 1} | {' | '.join(cells)} |")
    return "\n".join(out + [""] + [verdict(which, compared[which]) for which in CURVES])


def main():
    options = parse()
    options.thaw, options.work = os.path.abspath(options.thaw), os.path.abspath(options.work)
    os.makedirs(options.work, exist_ok=True)
    if not options.table:
        draw_samples(options)
    wanted = [(data, winograd, seed) for data in options.data for seed in range(1, options.seeds + 1)
              for winograd in WINOGRAD]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = dict(zip(wanted, pool.map(lambda which: train(options, *which), wanted)))
    print(f"{datetime.date.today()}, {options.epochs} epochs, means of {options.seeds} seeds; `difference` is on - off, "
          "`deviation` and `range` are between seeds.")
    for data in options.data:
        print(f"\n{table(options, data, {w: [runs[data, w, seed] for seed in range(1, options.seeds + 1)] for w in WINOGRAD})}")


main()
