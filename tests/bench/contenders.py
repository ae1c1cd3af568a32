"""Who is compared: thaw and PyTorch as its tutorials leave it (P0) and at its best (P1), of each Python given. Each
contender gives one sample a round, so that all of them meet the same moods of the machine."""
import json
import os
import re
import resource
import subprocess
import time

from load import Watch

HERE = os.path.dirname(os.path.abspath(__file__))
# glibc keeps what was freed instead of handing it back to the system after each step: fresh memory is slow to touch.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": "8589934592",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "67108864",
}
OTHER_MOST = 0.05
TRIES = 3


def environment(keep_memory=False):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "MALLOC_", "OMP_"))}
    if keep_memory:
        env.update(KEEP_MEMORY)
    return env


class Undisturbed:
    """Runs a measurement again while other load was over the limit, at most TRIES times; keeps the least disturbed."""

    def __init__(self, pids=()):
        self.pids = pids

    def run(self, measure):
        best = None
        for _ in range(TRIES):
            watch = Watch(self.pids)
            value = measure()
            share = watch.share()
            if best is None or share < best[1]:
                best = (value, share)
            if share <= OTHER_MOST:
                break
        return best


class Contender:
    """name: as the table's columns call it. sample() gives (seconds or images a second, share of other load)."""

    def __init__(self, name):
        self.name, self.facts = name, {}

    def begin(self):
        pass

    def end(self):
        pass


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


class TorchSteps(Contender):
    """A living peer_torch.py that is asked for steps."""

    def __init__(self, name, python, job, layout, keep_memory, extra=()):
        super().__init__(name)
        self.batch = job["batch"]
        self.command = [python, os.path.join(HERE, "peer_torch.py"), "--model", job["model"], "--regime", job["regime"],
                        "--batch", str(job["batch"]), "--threads", str(job.get("threads", 2)), "--layout", layout, *extra]
        self.keep_memory, self.process = keep_memory, None

    def begin(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL, env=environment(self.keep_memory))
        self.facts.update(self._read())

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended early: {' '.join(self.command)}")
        return json.loads(line)

    def sample(self, seconds):
        def measure():
            self.process.stdin.write(f"seconds {seconds}\n")
            self.process.stdin.flush()
            return self.batch / median(self._read()["seconds"])

        return Undisturbed([self.process.pid]).run(measure)

    def end(self):
        if self.process:
            self.process.stdin.close()
            self.facts.update(self._read())
            self.process.wait()
            self.process = None


class ThawSteps(Contender):
    """`thaw bench` of one regime, a process a sample; its first step, which touches fresh memory, does not count."""

    def __init__(self, thaw, job, name="thaw"):
        super().__init__(name)
        self.command = [thaw, "bench", "--json", "--no-limits", "--model", job["model"], "--regime",
                        job.get("thaw_regime", job["regime"]), "--batch", str(job["batch"]), "--threads",
                        str(job.get("threads", 2))]
        self.long = False

    def sample(self, seconds):
        limit = ["--steps", "1"] if self.long else ["--seconds", str(seconds)]

        def measure():
            done = subprocess.run(self.command + limit, stdout=subprocess.PIPE, check=True, env=environment())
            return json.loads(done.stdout)["regimes"][0]

        row, share = Undisturbed().run(measure)
        self.long = row["step_seconds"] > 1.5
        self.facts["rss_bytes"] = max(row["rss_bytes"], self.facts.get("rss_bytes", 0))
        self.facts["plan_bytes"] = row["plan_bytes"]
        return row["images_per_second"], share


class Job(Contender):
    """A whole program from start to end that prints JSON last; the sample is what `value` makes of (seconds, its object)."""

    def __init__(self, name, command, keep_memory=False, value=None):
        super().__init__(name)
        self.command, self.keep_memory = command, keep_memory
        self.value = value or (lambda seconds, printed: seconds)

    def sample(self, seconds):
        del seconds

        def measure():
            began = time.perf_counter()
            done = subprocess.run(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                                  env=environment(self.keep_memory), text=True)
            took = time.perf_counter() - began
            lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
            printed = json.loads(lines[-1]) if lines else {}
            self.facts.update({k: v for k, v in printed.items() if isinstance(v, (int, float, str))})
            return self.value(took, printed)

        value, share = Undisturbed().run(measure)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        self.facts.setdefault("children_rss_bytes", most)
        return value, share


def python_version(python):
    """The PyTorch of an interpreter, "1.13" or "2.15"; its build's suffix is cut off."""
    done = subprocess.run([python, "-c", "import torch; print(torch.__version__)"], stdout=subprocess.PIPE, check=True,
                          text=True, env=environment())
    return re.match(r"\d+\.\d+", done.stdout).group(0)


def torch_contenders(job, pythons):
    """P0, P1 and, where nothing learns, P1 traced, of each Python. pythons: {version: path}."""
    made = []
    for version, python in pythons.items():
        made.append(TorchSteps(f"P0 {version}", python, job, "nchw", False))
        made.append(TorchSteps(f"P1 {version}", python, job, "nhwc", True))
        if job["regime"] == "forward":
            made.append(TorchSteps(f"P1 {version} traced", python, job, "nhwc", True, ["--trace"]))
            if job["batch"] == 1:
                made.append(TorchSteps(f"P1 {version} traced, NCHW", python, job, "nchw", True, ["--trace"]))
    return made
