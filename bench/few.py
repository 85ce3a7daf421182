"""Accuracy with few images, without labels, by teacher, number of images and losses: python bench/few.py REPORT.json…

A report is named few-TEACHER-IMAGES-LOSSES-SEED. Test accuracy of students in per cent: the mean over seeds, the deviation of one seed, and the seeds.
"""

import collections
import json
import pathlib
import statistics
import sys


def main():
    scores, teachers = collections.defaultdict(list), {}
    for path in map(pathlib.Path, sys.argv[1:]):
        _, teacher, images, losses, _ = path.stem.split("-")
        report = json.loads(path.read_text())
        teachers[teacher] = 100 * report["teacher"]["metrics"]["accuracy"]
        scores[teacher, int(images), losses].append(100 * report["student"]["metrics"]["accuracy"])
    print("| teacher | its accuracy | images | losses | accuracy | seeds |\n|---|---:|---:|---|---:|---|")
    for (teacher, images, losses), each in sorted(scores.items()):
        deviation = f" ± {statistics.stdev(each):.2f}" if len(each) > 1 else ""
        seeds = " ".join(f"{s:.2f}" for s in each)
        print(f"| {teacher} | {teachers[teacher]:.2f} | {images} | {losses} | {statistics.mean(each):.2f}{deviation} | {seeds} |")


if __name__ == "__main__":
    main()
