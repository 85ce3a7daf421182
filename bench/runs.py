"""Adds runs to results/runs.jsonl, a line each: python bench/runs.py [--seed N] REPORT.json…

A report is what ildc compress, study or eval prints with --json. A line has the experiment (the report's name), the arm of a study (else "compress" or "eval"), the seed,
the metric with its score on what was measured, on validation data and there before the first step (fractions), the student's parameters, multiply-adds and steps, the start
of its SHA-256, the engine, and the commit and the machine that it ran on. A run that has a line is not added again.
"""

import argparse
import json
import os
import pathlib
import subprocess

RUNS = pathlib.Path(__file__).resolve().parent / "results" / "runs.jsonl"
SCORES = ["accuracy", "agreement", "cosine"]  # the first that there is, as distill.Metrics.Score has it


def score(metrics, metric):
    return round(metrics[metric], 6) if metrics and metric in metrics else None


def line(experiment, arm, seed, run, metric=None):
    """One run as a flat object. What is not known is left out."""
    student = run.get("student") or {}
    measured = student.get("metrics") or run.get("metrics") or {}
    metric = metric or next(m for m in SCORES if m in measured)
    fields = {
        "experiment": experiment, "arm": arm, "seed": seed,
        "metric": metric, "measured": run["measured"], "score": score(measured, metric), "validation": score(run.get("best"), metric), "before": score(run.get("before"), metric),
        "params": student.get("params"), "macs": student.get("macs"), "steps": run.get("steps"),
        "student": student.get("sha256", "")[:12] or None, "engine": run["engine"],
    }
    return {k: v for k, v in fields.items() if v is not None}


def lines(path, seed):
    report = json.loads(path.read_text())
    if "arms" in report:
        for arm in report["arms"]:
            for run in arm["runs"]:
                yield line(path.stem, arm["name"], run["seed"], run, report["metric"])
    elif "student" in report:
        yield line(path.stem, "compress", seed, report)
    else:
        yield line(path.stem, "eval", None, report)


def machine():
    cores = f"{len(os.sched_getaffinity(0))} cores"
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    return ", ".join([cores] + [name for flag, name in [("avx512f", "AVX-512"), ("avx2", "AVX2")] if flag in flags][:1])


def commit():
    """HEAD; with "-dirty" where other files than results differ from it."""
    git = ["git", "-C", str(RUNS.parent)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    same = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ":/", ":(top,exclude)bench/results"]).returncode == 0
    return head if same else head + "-dirty"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seed", type=int, default=0, help="that single runs were given")
    p.add_argument("reports", nargs="+", type=pathlib.Path)
    a = p.parse_args()
    where = {"commit": commit(), "machine": machine()}
    have = [{k: v for k, v in json.loads(text).items() if k not in where} for text in RUNS.read_text().splitlines()] if RUNS.exists() else []
    with RUNS.open("a") as file:
        for path in a.reports:
            for run in lines(path, a.seed):
                if run not in have:
                    file.write(json.dumps(run | where) + "\n")


if __name__ == "__main__":
    main()
