"""What the kinds of rows measure, and how their table is written."""
import os
import shutil
import tempfile

from contenders import HERE, OTHER_MOST, Contender, Job, ThawSteps, Undisturbed, environment, median, torch_contenders

EXPERIMENT = """[model]
weights = {weights}
[freeze]
upto = trunk
[data]
path = {data}
augment = {augment}
[train]
epochs = 10
batch = 32
lr = 0.001
schedule = constant
weight_decay = 0
threads = 2
[run]
dir = {runs}
"""


class ThawFinetune(Job):
    """`thaw train` of the ants and bees from process start to the end of the run; nothing is kept from run to run."""

    def __init__(self, options, augment):
        self.folder = tempfile.mkdtemp(dir=options.work, prefix="bench-")
        path = os.path.join(self.folder, "experiment.ini")
        with open(path, "w") as file:
            file.write(EXPERIMENT.format(weights=options.weights, data=options.data, runs=os.path.join(self.folder, "runs"),
                                         augment="light" if augment else "none"))
        home = [f"{name}={self.folder}/{name}" for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")]
        super().__init__("thaw", ["env", *home, options.thaw, "train", "--json", path])

    def sample(self, seconds):
        for name in ("XDG_CACHE_HOME", "runs"):
            shutil.rmtree(os.path.join(self.folder, name), ignore_errors=True)
        return super().sample(seconds)

    def end(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def finetune(row, options):
    if not options.data or not options.weights:
        raise SystemExit(f"{row['id']}: --data and --weights are needed")
    field = [ThawFinetune(options, row["augment"])]
    script = os.path.join(HERE, "peer_finetune.py")
    for version, python in options.pythons.items():
        base = [python, script, "--data", options.data, "--weights", options.weights]
        base += ["--augment"] if row["augment"] else []
        loop = lambda seconds, printed: printed["ten_epochs_s"]
        field.append(Job(f"P0 {version}", base + ["--batch", "32"], value=loop))
        field.append(Job(f"P1 {version}", base + ["--batch", "32", "--layout", "nhwc"], True, value=loop))
        if not row["augment"]:
            field.append(Job(f"P1 {version} with a cache by hand", base + ["--batch", "32", "--layout", "nhwc", "--cache"],
                             True))
    return field


class Peak(Contender):
    """The most memory that a contender of steps has had after some of them."""

    def __init__(self, inner):
        super().__init__(inner.name)
        self.inner, self.facts = inner, inner.facts

    def sample(self, seconds):
        self.inner.begin()
        _, other = self.inner.sample(seconds)
        self.inner.end()
        return self.facts["rss_bytes"] / 2**20, other


def memory(row, options):
    return [Peak(inner) for inner in [ThawSteps(options.thaw, row), *torch_contenders(row, options.pythons)]]


def screen(options, measure):
    return Job("thaw", [os.environ.get("PYTHON", "python3"), os.path.join(HERE, "thaw_screen.py"), options.thaw,
                        os.path.join(options.work, "bench-screen")],
               value=lambda seconds, printed: printed[measure])


def idle(row, options):
    field = [screen(options, "idle_mib")]
    for version, python in options.pythons.items():
        program = ("import json, torch, torchvision; print(json.dumps({'mib': int([l for l in open('/proc/self/status')"
                   " if l.startswith('VmRSS')][0].split()[1]) / 1024}))")
        field.append(Job(f"P0 {version}", [python, "-c", program], value=lambda seconds, printed: printed["mib"]))
    return field


def start(row, options):
    field = [screen(options, "first_frame_ms")]
    for version, python in options.pythons.items():
        field.append(Job(f"P0 {version}", [python, "-c", "import torch"], value=lambda seconds, printed: 1e3 * seconds))
    return field


def scaling(row, options):
    return [ThawSteps(options.thaw, dict(row, threads=threads), f"thaw {threads} threads") for threads in (1, 2, 4, 8)]


def darknet(row, options):
    program = os.path.join(os.path.dirname(os.path.abspath(options.thaw)), "tests/bench/peer_darknet")
    return [ThawSteps(options.thaw, dict(model="resnet18", regime=row["regime"], batch=4)),
            Job("darknet", [program, row["regime"], "4"], value=lambda seconds, printed: printed["images_per_second"])]


class Layers(Contender):
    """One figure of all layers that `thaw bench --layers` measures: rate(layers) makes it."""

    def __init__(self, row, options, rate):
        super().__init__("thaw")
        self.thaw, self.models, self.rate = options.thaw, row["models"], rate

    def sample(self, seconds):
        from layer_rates import measure_layers

        def measure():
            return self.rate([layer for model in self.models for layer in measure_layers(self.thaw, model, 32, environment())],
                             self.facts)

        return Undisturbed().run(measure)


def sgemm(row, options):
    from layer_rates import share_of_sgemm

    return [Layers(row, options, share_of_sgemm)]


def layers(row, options):
    from layer_rates import times_best_known

    return [Layers(row, options, times_best_known)]


def jpeg(row, options):
    program = os.path.join(os.path.dirname(os.path.abspath(options.thaw)), "tests/bench/bench_decode")
    train = os.path.join(options.data or "", "train")
    field = [Job("thaw", [program, train], value=lambda seconds, printed: printed["images_per_second"])]
    for version, python in options.pythons.items():
        field.append(Job(f"P0 {version}", [python, os.path.join(HERE, "peer_jpeg.py"), train],
                         value=lambda seconds, printed: printed["images_per_second"]))
    return field


def steps(row, options):
    return [ThawSteps(options.thaw, row), *torch_contenders(row, options.pythons)]


KINDS = dict(steps=steps, finetune=finetune, memory=memory, idle=idle, start=start, scaling=scaling, darknet=darknet,
             sgemm=sgemm, layers=layers, jpeg=jpeg)


def make(row, options):
    return KINDS[row["kind"]](row, options)


# --- the table ---


def less_is_better(row):
    return row["unit"] in ("s", "ms", "MiB") or row.get("smaller")


def clean(values):
    """The undisturbed samples, or all where there is none."""
    good = [sample for sample, other in zip(values["samples"], values["other"]) if other <= OTHER_MOST]
    return good or values["samples"]


def best(row, got, prefix):
    """(median, name) of the best contender whose name begins so, or None. A cache by hand is its own kind of contender."""
    found = [(median(clean(values)), name) for name, values in got.items()
             if name.startswith(prefix) and ("by hand" in name) == ("by hand" in prefix)]
    return (min if less_is_better(row) else max)(found) if found else None


def ratio(row, thaw, peer):
    if row.get("smaller"):
        return thaw / peer  # of what should be small, thaw's share of the peer's
    return peer / thaw if less_is_better(row) else thaw / peer


def figure(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def rival(row, got):
    """Whom the goal is about: P1, or P0 where there is no P1, or darknet."""
    return best(row, got, "P1") or best(row, got, "P0") or best(row, got, "darknet")


def verdict(row, value):
    if row["least"] is None:
        return "no goal"
    good = value <= row["least"] if row.get("smaller") else value >= row["least"]
    if not good:
        return "no"
    return "yes" if row["towards"] is None or (value > row["towards"] if row.get("smaller") else value < row["towards"]) \
        else "yes, and the further one"


def alone(row, got):
    """The figure of rows that thaw runs alone."""
    if row["kind"] == "scaling":
        one, two = got.get("thaw 1 threads"), got.get("thaw 2 threads")
        return median(clean(two)) / median(clean(one)) if one and two else None
    return median(clean(got["thaw"])) if "thaw" in got else None


def line(row, got):
    thaw, peer = best(row, got, "thaw"), rival(row, got)
    value = alone(row, got) if row["kind"] in ("scaling", "sgemm", "layers") else None
    if value is None and thaw and peer:
        value = ratio(row, thaw[0], peer[0])
    zero = best(row, got, "P0")
    others = [other for values in got.values() for other in values["other"]]
    counted = [other for other in others if other <= OTHER_MOST] or others
    together = len({values["when"] for values in got.values()}) == 1
    cells = [row["id"], figure(thaw[0]) if thaw else "", figure(zero[0]) if zero else "",
             f"{figure(peer[0])} ({peer[1]})" if peer else "", row["unit"], f"{value:.3g}" if value else "",
             "" if row["least"] is None else f"{row['least']:.3g}", "" if row["towards"] is None else f"{row['towards']:.3g}",
             verdict(row, value) if value else "", f"{min(len(clean(v)) for v in got.values())}{'' if together else '*'}",
             f"{100 * max(counted):.0f} %"]
    return "| " + " | ".join(cells) + " |"


def table(results, rows):
    out = [f"{results['machine']}", "",
           "| row | thaw | P0 | best peer | unit | ratio | at least | towards | reached | rounds | other load, most |",
           "|" + "---|" * 11]
    for row in rows:
        got = results["rows"].get(row["id"])
        if got:
            out.append(line(row, got))
    return "\n".join(out)


def peers(results):
    """What `thaw bench --compare` reads: the best peer's images a second of each row of steps."""
    from rows import ROWS

    made = []
    for row in ROWS:
        got = results["rows"].get(row["id"], {})
        peer = rival(row, got) if row["kind"] == "steps" else None
        if peer:
            made.append(dict(peer=peer[1], model=row["model"], regime=row["regime"], batch=row["batch"], threads=2,
                             images_per_second=round(peer[0], 3)))
    return dict(format="thaw-peers-1", machine=results["machine"], results=made)
