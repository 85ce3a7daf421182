"""Runs ildc and PyTorch in turn on the same training steps, and writes what came out to RESULTS.md."""

import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TERMS = ["kd", "kd,hint", "kd,at", "kd,fsp", "kd,ab", "kd,sp", "dist", "kd,hint,at", "kd,hint,at,fsp,ab,sp"]
VARIANTS = ["eager", "channels_last", "compile", "compile_channels_last"]
BATCH = 128
BATCHES = 8  # in the data; steps take them in turn


@dataclass
class Case:
    key: str
    teacher: str  # path below --shared; "" where it is generated
    title: str
    budget: str
    shape: tuple  # of an input
    steps: int  # measured in a run: some seconds


CASES = [
    Case("a", "teachers/resnet20_cifar10.onnx", "ResNet-20", "macs=0.5x", (3, 32, 32), 25),
    Case("b", "teachers/resnet20_cifar10_folded.onnx", "ResNet-20, batch norm folded", "macs=0.25x", (3, 32, 32), 35),
    Case("c", "models/vnn21_mnistfc_256x6/mnist-net_256x6.onnx", "MNIST, 6 layers of 256", "params=0.25x", (784, 1), 1000),
    Case("d", "", "MobileNetV2, width 0.5", "macs=0.5x", (3, 32, 32), 15),
]


class Bench:
    """The two sides' commands, on the files of a case."""

    def __init__(self, a):
        self.a = a

    def file(self, case, name):
        return self.a.folder / case.key / name

    def run(self, *command):
        p = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if p.returncode != 0:
            sys.exit(f"{' '.join(str(c) for c in command)}\n{p.stderr}")
        return p.stdout

    def prepare(self, case):
        """Teacher, data, student in training form, and what ildc says of the step."""
        self.file(case, "").mkdir(parents=True, exist_ok=True)
        teacher = self.file(case, "teacher.onnx")
        if case.teacher:
            shutil.copyfile(self.a.shared / case.teacher, teacher)
        elif not teacher.exists():
            self.run(sys.executable, HERE / "mobilenetv2.py", teacher)
        data = np.random.default_rng(0).standard_normal((BATCHES * BATCH, *case.shape), dtype=np.float32)
        np.save(self.file(case, "data.npy"), data)
        self.ildc(case, 1, "--budget", case.budget, "-o", self.file(case, "student.onnx"), student=False)
        out = self.ildc(case, 1)
        self.file(case, "report.json").write_text(json.dumps({"benchmarks": [out]}))
        return out["sides"]

    def ildc(self, case, steps, *more, engine="ort", losses="kd,hint", student=True):
        args = ["--student", self.file(case, "student.onnx")] if student else []
        out = self.run(
            self.a.folder / "ildc", "bench", self.file(case, "teacher.onnx"), "--train", *args, "--data", self.file(case, "data.npy"),
            "--task", "classify", "--optimizer", "sgd", "--losses", losses, "--batch", BATCH, "--threads", self.a.threads,
            "--engine", engine, "--steps", steps, "--json", *more)
        return json.loads(out)["benchmarks"][0]

    def pytorch(self, case, variant, steps):
        out = self.run(
            sys.executable, HERE / "pytorch.py", *(self.file(case, f) for f in ["teacher.onnx", "student.onnx", "report.json", "data.npy"]),
            "--variant", variant, "--batch", BATCH, "--threads", self.a.threads, "--steps", steps)
        return json.loads(out)


class Samples(dict):
    """The results of each contender, one for each round."""

    def add(self, name, result):
        self.setdefault(name, []).append(result)
        print(f"  {name:24} {result['p50_ms']:9.2f} ms", file=sys.stderr, flush=True)

    def ms(self, name):
        return median(r["p50_ms"] for r in self[name])

    def rate(self, name):
        return BATCH / self.ms(name) * 1e3

    def spread(self, name):
        each = [r["p50_ms"] for r in self[name]]
        return f"{min(each):.4g}–{max(each):.4g}"

    def fastest(self):
        return min((v for v in VARIANTS if v in self), key=self.ms)

    def growth(self, name):
        """The most memory in training, over what was resident after loading, in MB."""
        return median(r["memory"]["peak"] - r["memory"]["loaded"] for r in self[name]) / 1e6


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(c) for c in row) + " |" for row in lines) + "\n"


def speed(bench, cases, rounds):
    """Each case: ildc and PyTorch's variants, in turn."""
    samples = {c.key: Samples() for c in cases}
    for r in range(rounds):
        for c in cases:
            print(f"round {r + 1} of {rounds}, case {c.key}", file=sys.stderr)
            samples[c.key].add("ort", bench.ildc(c, c.steps))
            for v in VARIANTS:
                samples[c.key].add(v, bench.pytorch(c, v, c.steps))
    return samples


def ratio(samples):
    return samples.rate("ort") / samples.rate(samples.fastest())


def speed_text(cases, sides, samples):
    rows, all_rows = [], []
    for c in cases:
        s, best = samples[c.key], samples[c.key].fastest()
        t, u = sides[c.key]["teacher"], sides[c.key]["student"]
        rows.append([f"({c.key}) {c.title} → {c.budget}", f"{t['macs'] / 1e6:.2f} → {u['macs'] / 1e6:.2f}", f"{s.rate('ort'):.0f}",
                     f"{s.rate(best):.0f} ({best})", f"{ratio(s):.2f}"])
        for name in s:
            all_rows.append([c.key, f"{name}", f"{s.ms(name):.4g}", s.spread(name), f"{s.rate(name):.0f}", f"{s.growth(name):.0f}",
                             f"{max(r.get('first_loss_difference', 0) for r in s[name]):.0e}" if name != "ort" else ""])
    return (table(["case", "million MACs", "ildc on ort, images/s", "PyTorch's fastest, images/s", "ratio"], rows)
            + "\nEach contender: the median of the rounds, and their range. *Growth* is the most memory in"
            "\ntraining over what was resident after loading. *Loss* is how far the first loss is from ildc's.\n\n"
            + table(["case", "contender", "ms a step", "range", "images/s", "growth, MB", "loss"], all_rows))


def terms(bench, case, rounds):
    """What terms cost, and the embedded engine, on one case."""
    s = Samples()
    for r in range(rounds):
        print(f"terms, round {r + 1} of {rounds}", file=sys.stderr)
        for losses in TERMS:
            s.add(losses, bench.ildc(case, case.steps, losses=losses))
        s.add("embedded", bench.ildc(case, case.steps, engine="embedded"))
    rows = [[f"`{n}` on ort" if n != "embedded" else "`kd,hint` on embedded", f"{s.ms(n):.4g}", s.spread(n), f"{s.ms(n) / s.ms('kd'):.3f}"] for n in s]
    return (table([f"({case.key})", "ms a step", "range", "to `kd`"], rows)
            + f"\nort is {s.ms('embedded') / s.ms('kd,hint'):.1f} times as fast as embedded.\n")


def long_run(bench, case, steps, variant):
    """What is resident late in a run, against what was early."""
    print(f"{steps} steps on case {case.key}", file=sys.stderr)
    rows = []
    for name, r in [("ildc on ort", bench.ildc(case, steps)), (f"PyTorch, {variant}", bench.pytorch(case, variant, steps))]:
        m, tenths = r["memory"], r["memory"]["tenths"]
        rows.append([name, *(f"{b / 1e6:.0f}" for b in [m["loaded"], tenths[0], tenths[-1], m["peak"]]), f"{tenths[-1] / tenths[0]:.3f}",
                     f"{(m['peak'] - m['loaded']) / 1e6:.0f}"])
    return table([f"({case.key}), MB", "after loading", f"after {steps // 10} steps", f"after {steps}", "most", "late/early", "growth"], rows)


def machine(versions):
    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.processor())
    return f"{cpu}, {os.cpu_count()} cores;\n" + ",\n".join(versions) + "."


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--folder", type=pathlib.Path, required=True, help="for models, data and the build of ildc")
    p.add_argument("--shared", type=pathlib.Path, default=HERE.parent.parent / "shared", help="has the teachers")
    p.add_argument("--cases", default="".join(c.key for c in CASES))
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--long", type=int, default=2000, help="steps of the run that memory is followed over")
    p.add_argument("--terms-only", action="store_true", help="measure nothing but what terms cost, and print it")
    p.add_argument("--speed-only", action="store_true", help="leave out what is measured on the first case alone")
    p.add_argument("--results", type=pathlib.Path, default=HERE / "RESULTS.md")
    return p.parse_args()


def main():
    a = arguments()
    bench = Bench(a)
    cases = [c for c in CASES if c.key in a.cases]
    sides = {c.key: bench.prepare(c) for c in cases}
    if a.terms_only:
        print(terms(bench, cases[0], a.rounds), end="")
        return
    samples = speed(bench, cases, a.rounds)
    first = samples[cases[0].key]
    versions = [f"ildc on {first['ort'][0]['version']}", f"PyTorch {first['eager'][0]['torch']}"]
    ratios = "ratio " + " ".join(f"{c.key}={ratio(samples[c.key]):.2f}" for c in cases)
    text = ["# Results\n\nWritten by `bench/compare`; README.md says what is compared.\n", machine(versions),
            f"A step: batch {BATCH}, {a.threads} threads; {a.rounds} rounds, in each of which the contenders take turns.\n",
            "## Whole distillation step\n", speed_text(cases, sides, samples)]
    if not a.speed_only:
        text += ["## Terms and engines\n", terms(bench, cases[0], a.rounds),
                 "## Memory\n", long_run(bench, cases[0], a.long, first.fastest())]
    text.append(f"    {ratios}\n")
    a.results.write_text("\n".join(text))
    print("\n".join(text[3:]), end="")
    print(ratios)


if __name__ == "__main__":
    main()
