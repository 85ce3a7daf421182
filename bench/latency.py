"""Prints the latency of ONNX models on one sample as a table, each run in turn with the others: python latency.py MODEL…"""

import pathlib
import sys
import time
from statistics import median

import numpy as np
import onnxruntime as ort

ROUNDS = 60
RUNS = 25  # of a model in a round: a change of the machine's speed meets all of them
WARMUP = 5


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def main():
    sessions = [session(p) for p in sys.argv[1:]]
    times = [[] for _ in sessions]
    for _ in range(ROUNDS):
        for s, each in zip(sessions, times):
            shape = [d if isinstance(d, int) else 1 for d in s.get_inputs()[0].shape]
            x = {s.get_inputs()[0].name: np.random.default_rng(0).standard_normal(shape, dtype=np.float32)}
            for k in range(WARMUP + RUNS):
                start = time.perf_counter()
                s.run(None, x)
                if k >= WARMUP:
                    each.append(1e3 * (time.perf_counter() - start))
    first = median(times[0])
    print("| model | median, ms | 90 % below, ms | to the first |\n| --- | ---: | ---: | ---: |")
    for path, t in zip(sys.argv[1:], times):
        print(f"| {pathlib.Path(path).stem} | {median(t):.3f} | {sorted(t)[len(t) * 9 // 10]:.3f} | {median(t) / first:.3f} |")


if __name__ == "__main__":
    main()
