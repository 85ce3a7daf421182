"""Prints the learning rate of the report that validates best: python bench/peers/rate.py REPORT.json…"""

import json
import pathlib
import sys

import common


def main():
    reports = [json.loads(pathlib.Path(p).read_text()) for p in sys.argv[1:]]
    best = reports[0]
    for r in reports[1:]:
        if common.better(r["best"], best["best"]):
            best = r
    print(best["lr"])


if __name__ == "__main__":
    main()
