"""The peers by number of images, as a table: python bench/peers/table.py REPORT.json…

Of every peer those runs count that have the learning rate of its further seeds; with one seed, the rate that validates best. Accuracy and
agreement are of test images, in per cent: the mean over seeds and the deviation of one seed. The teacher's accuracy is here since it
depends on who decodes the JPEG files. Seconds are the mean of a run, from the images in memory to the trained student.
"""

import collections
import json
import pathlib
import statistics
import sys

import common

HEAD = ["peer", "images", "MACs", "rate", "accuracy", "seeds", "its teacher's", "agreement", "seconds"]


def spread(values):
    values = [100 * v for v in values]
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")


def chosen(runs):
    """The runs with the rate that was chosen on the first seed."""
    first = min(r["seed"] for r in runs)
    best = next((r for r in runs if r["seed"] > first), None)
    for r in runs if best is None else []:
        if best is None or r["best"] and common.better(r["best"], best["best"]):
            best = r
    return sorted((r for r in runs if r["lr"] == best["lr"]), key=lambda r: r["seed"])


def row(runs):
    students = [r["student"] for r in runs]
    accuracies = [s["metrics"]["accuracy"] for s in students]
    return [
        runs[0]["peer"], runs[0]["images"],
        f"{statistics.mean(s['macs'] / r['teacher']['macs'] for s, r in zip(students, runs)):.3f}x",
        f"{runs[0]['lr']:g}" if runs[0]["steps"] else "", spread(accuracies), " ".join(f"{100 * v:.2f}" for v in accuracies),
        f"{100 * runs[0]['teacher']['metrics']['accuracy']:.2f}", spread([s["metrics"]["agreement"] for s in students]),
        f"{statistics.mean(r['seconds'] for r in runs):.0f}"]


def main():
    groups = collections.defaultdict(list)
    for path in map(pathlib.Path, sys.argv[1:]):
        report = json.loads(path.read_text())
        groups[report["images"], report["peer"]].append(report)
    rows = [row(chosen(runs)) for runs in groups.values()]
    rows.sort(key=lambda r: (r[1], -statistics.mean(map(float, r[5].split()))))
    for each in [HEAD, ["---"] + ["---:"] * (len(HEAD) - 1), *rows]:
        print("| " + " | ".join(map(str, each)) + " |")


if __name__ == "__main__":
    main()
