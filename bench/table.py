"""Reports of single runs as a table: python bench/table.py REPORT.json…

Accuracy and agreement are in per cent; outputs that are not classes have their relative L2 distance to the teacher's. What a student is before training is measured on validation data, the rest on test data.
"""

import json
import pathlib
import sys


def percent(metrics, name):
    return f"{100 * metrics[name]:.2f}" if name in metrics else ""


def row(path):
    report = json.loads(path.read_text())
    teacher, student, before = report["teacher"], report["student"], report.get("before") or {}
    after = student.get("metrics") or {}
    return [
        path.stem,
        report["budget"]["reached"],
        f"{student['params'] / teacher['params']:.3f}x",
        f"{student['macs'] / teacher['macs']:.3f}x",
        report["steps"],
        percent(teacher.get("metrics") or {}, "accuracy"),
        percent(before, "accuracy"),
        percent(after, "accuracy"),
        percent(before, "agreement"),
        percent(after, "agreement"),
        f"{before['relative_l2']:.3f}" if "relative_l2" in before else "",
        f"{after['relative_l2']:.3f}" if "relative_l2" in after else "",
        report["measured"],
    ]


def main():
    head = ["run", "budget", "params", "MACs", "steps", "teacher's accuracy", "before", "after", "agreement before", "after", "distance before", "after", "measured on"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *(row(pathlib.Path(p)) for p in sys.argv[1:])]
    for line in lines:
        print("| " + " | ".join(str(cell) for cell in line) + " |")


if __name__ == "__main__":
    main()
