"""Prints the latency of ONNX models on one sample, each run in turn with the others: python latency.py MODEL…"""

import json
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
    print(json.dumps([{"model": pathlib.Path(p).name, "p50_ms": median(t), "p90_ms": sorted(t)[len(t) * 9 // 10], "to_first": median(t) / first}
                      for p, t in zip(sys.argv[1:], times)], indent=1))


if __name__ == "__main__":
    main()
