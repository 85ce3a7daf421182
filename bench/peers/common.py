"""What every peer shares: images, how they vary, the teacher, the schedule, validation, and the report.

All of it is as ildc has it: one image in ten is held out, images are flipped and shifted by up to 4 pixels (black moves in), the rate
rises for a tenth of the steps and falls along half a cosine, and the state that validates best is tested. A seed gives every peer the
same images.
"""

import argparse
import hashlib
import json
import math
import pathlib
import sys
import time

import numpy as np
import onnx
import onnxruntime
from PIL import Image

SIZE, PAD = 32, 4
MEAN = np.float32([0.4914, 0.4822, 0.4465])[:, None, None]
STD = np.float32([0.2470, 0.2435, 0.2616])[:, None, None]
TEST_BATCH = 50  # of images whose logits are taken at once; the parts of a data set are multiples of it


def arguments(doc, peers):
    """What a run is given. The report goes to stdout."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("peer", choices=peers)
    p.add_argument("teachers", type=pathlib.Path, help="the folder of the teachers")
    p.add_argument("data", type=pathlib.Path, help="an image folder with train and test")
    p.add_argument("student", help="where the student goes, as ONNX")
    p.add_argument("--cache", type=pathlib.Path, required=True, help="where decoded images are kept")
    p.add_argument("--budget", type=float, default=0.25, help="the student's multiply-adds at most, as a part of the teacher's")
    p.add_argument("--lr", type=float, default=0)
    p.add_argument("--steps", type=int, default=800)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def decoded(folder, part, cache):
    """The images of a part, bytes [N,3,32,32], and their classes. They are decoded once and kept."""
    kept = cache / f"images-{folder.name}-{part}.npz"
    if not kept.exists():
        x, y = [], []
        for k, each in enumerate(sorted(p for p in (folder / part).iterdir() if p.is_dir())):
            for file in sorted(each.iterdir()):
                x.append(np.asarray(Image.open(file).convert("RGB")).transpose(2, 0, 1))
                y.append(k)
        own = cache / f"{kept.stem}-{time.time_ns()}.npz"
        np.savez(own, x=np.stack(x), y=np.array(y))
        own.rename(kept)
    with np.load(kept) as f:
        return f["x"], f["y"]


def normalised(x):
    return (x.astype(np.float32) / 255 - MEAN) / STD


def augmented(x, random):
    """Each image mirrored with probability 1/2, and shifted along each axis."""
    x = np.where(random.random((len(x), 1, 1, 1)) < 0.5, x[..., ::-1], x)
    x = np.pad(x, [(0, 0), (0, 0), (PAD, PAD), (PAD, PAD)])
    rows, columns = (random.integers(0, 2 * PAD + 1, (len(x), 1)) + np.arange(SIZE) for _ in range(2))
    each, channels = np.arange(len(x))[:, None, None, None], np.arange(3)[None, :, None, None]
    return x[each, channels, rows[:, None, :, None], columns[:, None, None, :]]


class Images:
    """A data set and the batches drawn of it. Labels are for validation and test alone."""

    def __init__(self, a):
        x, y = decoded(a.data, "train", a.cache)
        order = np.random.default_rng(a.seed).permutation(len(x))
        held, kept = order[: len(x) // 10], order[len(x) // 10 :]
        self.count, self.seed, self.size = len(x), a.seed, a.batch
        self.train, self.held, self.held_labels = x[kept], normalised(x[held]), y[held]
        self.test, self.test_labels = decoded(a.data, "test", a.cache)
        self.test = normalised(self.test)
        self.epoch = len(self.train) // a.batch

    def batches(self, steps):
        """So many batches, in epochs; what doesn't fill a batch is left out."""
        random = np.random.default_rng([self.seed, 1])
        for i in range(steps):
            if i % self.epoch == 0:
                order = random.permutation(len(self.train))
            yield normalised(augmented(self.train[order[i % self.epoch * self.size :][: self.size]], random))


def session(model):
    """An ONNX model, as a function of a batch, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, str) else model.SerializeToString()
    s = onnxruntime.InferenceSession(source, options, ["CPUExecutionProvider"])
    name = s.get_inputs()[0].name
    return lambda x: s.run(None, {name: x})[0]


def logits(model, x):
    return np.concatenate([model(x[i : i + TEST_BATCH]) for i in range(0, len(x), TEST_BATCH)])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def metrics(of, teacher, labels):
    """Accuracy, agreement and KL(teacher ‖ student), as ildc has them."""
    t, s = softmax(teacher.astype(np.float64)), softmax(of.astype(np.float64))
    answers = of.argmax(1)
    return {
        "samples": len(of), "accuracy": float((answers == labels).mean()), "agreement": float((answers == teacher.argmax(1)).mean()),
        "kl": float((t * (np.log(t + 1e-30) - np.log(s + 1e-30))).sum(1).mean())}


def better(m, n):
    """Whether m is better than n: by accuracy, and where that differs by no more than one standard error, by KL. As ildc chooses."""
    a, b = m["accuracy"], n["accuracy"]
    mean = (a + b) / 2
    return a > b if abs(a - b) > math.sqrt(mean * (1 - mean) / m["samples"]) else m["kl"] < n["kl"]


def rate(i, steps, peak):
    """The learning rate of step i: a linear warm-up, then half a cosine."""
    warm = round(steps / 10)
    return peak * (i + 1) / (warm + 1) if i < warm else peak * (1 + math.cos(math.pi * (i - warm) / max(1, steps - warm))) / 2


def fit(a, images, teacher, step, student, state):
    """Trains by step(images, teacher's logits, rate), and gives the validation before and at best, and the state at best.

    student() is it as it is, as a function of a batch, and state() is a copy of what it holds.
    """
    expected = logits(teacher, images.held)

    def validated():
        return metrics(logits(student(), images.held), expected, images.held_labels)

    before = best = validated()
    kept, every = state(), max(1, min(images.epoch, a.steps // 10))
    for i, x in enumerate(images.batches(a.steps)):
        loss = step(x, teacher(x), rate(i, a.steps, a.lr))
        if (i + 1) % every == 0 or i + 1 == a.steps:
            now = validated()
            print(f"step {i + 1}: loss {loss:.4f}, {now}", file=sys.stderr, flush=True)
            if better(now, best):
                best, kept = now, state()
    return before, best, kept


def macs(model):
    """Multiply-adds of Conv and Gemm for one image, as ildc counts them."""
    inferred = onnx.shape_inference.infer_shapes(model)
    values = [*inferred.graph.value_info, *inferred.graph.output]
    sizes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
    weights = {t.name: math.prod(t.dims) for t in model.graph.initializer}
    return sum(
        weights[n.input[1]] * (math.prod(sizes[n.output[0]][2:]) if n.op_type == "Conv" else 1)
        for n in model.graph.node if n.op_type in ("Conv", "Gemm"))


def params(model):
    return sum(math.prod(t.dims) for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT)


def report(a, images, teacher_path, engine, seconds, steps, before=None, best=None):
    """Tests the written student, and prints what ildc's report would say of it."""
    sides, outputs = {}, {}
    for side, path in [("teacher", str(teacher_path)), ("student", a.student)]:
        model = onnx.load(path)
        outputs[side] = logits(session(path), images.test)
        sides[side] = {
            "path": path, "sha256": hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest(),
            "params": params(model), "macs": macs(model),
            "metrics": metrics(outputs[side], outputs["teacher"], images.test_labels)}
    print(json.dumps({
        "peer": a.peer, "images": images.count, "lr": a.lr, "seed": a.seed, **sides, "engine": engine, "measured": "test", "steps": steps,
        "batch": a.batch, "seconds": seconds, "before": before, "best": best}, indent=2))
