"""Accuracy without labels, by teacher, number of images, arm and steps: python bench/few.py REPORT.json…

A report is named few-TEACHER-IMAGES-ARM-STEPS-SEED. Test accuracy of students, and their agreement with the teacher, in per cent: the mean over
seeds, the deviation of one seed, and the seeds.
"""

import collections
import json
import pathlib
import statistics
import sys


def main():
    scores, agreements, teachers = collections.defaultdict(list), collections.defaultdict(list), {}
    for path in map(pathlib.Path, sys.argv[1:]):
        _, teacher, images, arm, steps, _ = path.stem.split("-")
        report = json.loads(path.read_text())
        teachers[teacher] = 100 * report["teacher"]["metrics"]["accuracy"]
        key, metrics = (teacher, int(images), arm, int(steps)), report["student"]["metrics"]
        scores[key].append(100 * metrics["accuracy"])
        agreements[key].append(100 * metrics["agreement"])
    print("| teacher | its accuracy | images | arm | steps | accuracy | agreement | seeds |\n|---|---:|---:|---|---:|---:|---:|---|")
    for key, each in sorted(scores.items()):
        teacher, images, arm, steps = key
        deviation = f" ± {statistics.stdev(each):.2f}" if len(each) > 1 else ""
        seeds = " ".join(f"{s:.2f}" for s in each)
        print(
            f"| {teacher} | {teachers[teacher]:.2f} | {images} | {arm} | {steps} | {statistics.mean(each):.2f}{deviation} "
            f"| {statistics.mean(agreements[key]):.2f} | {seeds} |"
        )


if __name__ == "__main__":
    main()
