"""Times a distillation step in PyTorch, on the CPU: the other side of `ildc bench --train`.

It loads the same teacher.onnx and student.onnx through onnx2torch, takes pairs, weights and variances from what `ildc bench --json`
has printed for them, and trains on the same batches in the same order. Prints one JSON object; fails where the first loss is not the
one that ildc reports, or the number of trained parameters differs.
"""

import argparse
import gc
import json
import math
import statistics
import sys
import time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx2torch import convert
from torch import nn

VARIANTS = {  # compiled?, memory format
    "eager": (False, torch.contiguous_format),
    "channels_last": (False, torch.channels_last),
    "compile": (True, torch.contiguous_format),
    "compile_channels_last": (True, torch.channels_last),
}
TOLERANCE = 1e-3  # relative, between the first losses: both sides compute in float32, in another order
MAX_DEVIATION = 10  # of logits; larger ones are scaled down to it, as ildc does


def load(path, features):
    """The model with the named values as further outputs, and how many channels each has."""
    model = onnx.load(path)
    inferred = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    del model.graph.output[1:]
    channels = {}
    for name in features:
        model.graph.output.append(inferred[name])
        channels[name] = inferred[name].type.tensor_type.shape.dim[1].dim_value
    return convert(model), channels


def connector(teacher, student, spatial):
    """A connector as it starts: each of the teacher's channels a cosine-weighted mean of the student's."""
    t, s = np.arange(teacher)[:, None], np.arange(student)[None, :]
    w = math.sqrt(2 / student) * np.cos(math.pi * (t + 1) * (s + 0.5) / max(teacher, student))
    w = torch.from_numpy(w.astype(np.float32))
    return nn.Parameter(w[:, :, None, None] if spatial else w)


def all_outputs(out):
    return out if isinstance(out, (tuple, list)) else (out,)


class Objective(nn.Module):
    """The student and its connectors; gives the losses against what the teacher gives."""

    def __init__(self, student, connectors, scales, weights, temperature, down):
        super().__init__()
        self.student, self.connectors = student, nn.ParameterList(connectors)
        self.scales, self.weights, self.temperature, self.down = scales, weights, temperature, down

    def forward(self, x, teacher, labels=None):
        logits, *features = all_outputs(self.student(x))
        t, s = (F.log_softmax(v * (self.down / self.temperature), -1) for v in (teacher[0], logits))
        kd = F.kl_div(s, t, reduction="batchmean", log_target=True) * self.temperature**2
        hint = torch.zeros(())
        for w, scale, s, t in zip(self.connectors, self.scales, features, teacher[1:]):
            mapped = F.conv2d(s, w) if w.dim() == 4 else F.linear(s, w)
            hint = hint + F.mse_loss(mapped, t) * scale
        total = self.weights["kd"] * kd + self.weights.get("hint", 0) * hint
        if labels is not None:
            total = total + self.weights["ce"] * F.cross_entropy(logits * self.down, labels)
        return total, kd, hint


def build(a, report):
    """Teacher and objective, as the report says."""
    pairs = next((t["pairs"] for t in report["losses"] if t["name"] == "hint"), [])
    partner = {p["student"]: p["teacher"] for p in report["pairs"]}
    teacher, of_teacher = load(a.teacher, [partner[p] for p in pairs])
    student, of_student = load(a.student, pairs)
    variances = report["variances"]
    output = next(v for name, v in variances.items() if "/" not in name)
    spatial = any(isinstance(m, nn.Conv2d) for m in student.modules())
    objective = Objective(
        student,
        [connector(of_teacher[partner[p]], of_student[p], spatial) for p in pairs],
        [1 / variances["hint/" + p] / len(pairs) for p in pairs],
        {t["name"]: t["weight"] for t in report["losses"]},
        a.temperature,
        1 / max(1, math.sqrt(output) / MAX_DEVIATION))
    return teacher.eval().requires_grad_(False), objective.train()


def batches(path, size, layout):
    """Up to 8 batches, which steps take in turn, as ildc bench does."""
    data = np.load(path)
    for i in range(0, min(8 * size, len(data) - size + 1), size):
        batch = torch.from_numpy(data[i : i + size].copy())
        yield batch.contiguous(memory_format=layout) if batch.dim() == 4 else batch


def sgd(parameters, a):
    """ildc's optimiser: no decay of biases and batch norm."""
    return torch.optim.SGD(
        [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": a.weight_decay}, {"params": [p for p in parameters if p.dim() < 2]}],
        lr=a.lr, momentum=a.momentum, nesterov=True, fused=True)


def memory(field):
    """A figure of this process in bytes: VmRSS, or VmHWM, the most of it since reset_peak."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith(field + ":"))


def reset_peak():
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def parser(doc, batch):
    """The arguments that every training in PyTorch takes."""
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("teacher")
    p.add_argument("student", help="in its training form, as `ildc bench TEACHER --train -o` writes it")
    p.add_argument("report", help="what `ildc bench TEACHER --train --json` printed")
    p.add_argument("data")
    p.add_argument("--variant", choices=VARIANTS, default="eager")
    p.add_argument("--batch", type=int, default=batch)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--lr", type=float, default=0.02)
    p.add_argument("--momentum", type=float, default=0.9)
    p.add_argument("--weight-decay", type=float, default=5e-4)
    p.add_argument("--clip", type=float, default=5)
    p.add_argument("--temperature", type=float, default=4)
    return p


def arguments():
    p = parser(__doc__ + "\nDATA is a .npy with the inputs of one batch at least.", 128)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--warmup", type=int, default=3)
    return p.parse_args()


def check(result, report):
    """Fails where the two sides do not train the same step."""
    want = report["sides"]["student"]["params"]
    if result["student_values"] != want:
        sys.exit(f"the student has {result['student_values']} parameters and running statistics, ildc's {want}")
    want = report["first_loss"]["total"]
    result["first_loss_difference"] = abs(result["first_loss"]["total"] - want) / abs(want)
    if not result["first_loss_difference"] <= TOLERANCE:
        sys.exit(f"the first loss is {result['first_loss']}, ildc's is {report['first_loss']}")


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.set_num_interop_threads(1)
    compiled, layout = VARIANTS[a.variant]
    with open(a.report) as f:
        report = json.load(f)["benchmarks"][0]
    teacher, objective = build(a, report)
    teacher.to(memory_format=layout)
    objective.to(memory_format=layout)
    data = list(batches(a.data, a.batch, layout))
    parameters = list(objective.parameters())
    optimizer = sgd(parameters, a)

    def loss(x):
        with torch.no_grad():
            out = all_outputs(teacher(x))
        return objective(x, out)

    if compiled:
        loss = torch.compile(loss)

    def step(i):
        optimizer.zero_grad(set_to_none=True)
        total, kd, hint = loss(data[i % len(data)])
        total.backward()
        if a.clip > 0:
            nn.utils.clip_grad_norm_(parameters, a.clip)
        optimizer.step()
        return {"total": total.item(), "kd": kd.item(), "hint": hint.item()}

    norms = [m for m in objective.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    result = {
        "variant": a.variant, "torch": torch.__version__, "threads": torch.get_num_threads(), "batch": a.batch, "steps": a.steps,
        "trained": sum(p.numel() for p in parameters if p.requires_grad),
        "student_values": sum(p.numel() for p in objective.student.parameters()) + sum(2 * m.num_features for m in norms),
        "batch_norms": sum(m.training for m in norms),
    }
    gc.collect()
    loaded, loading = memory("VmRSS"), memory("VmHWM")
    reset_peak()
    for i in range(a.warmup):
        last = step(i)
        result.setdefault("first_loss", last)
    each, tenths = [], []
    for i in range(a.steps):
        start = time.perf_counter()
        last = step(a.warmup + i)
        each.append(time.perf_counter() - start)
        if a.steps >= 10 and (i + 1) * 10 // a.steps > i * 10 // a.steps:
            tenths.append(memory("VmRSS"))
    result |= {
        "p50_ms": statistics.median(each) * 1e3, "least_ms": min(each) * 1e3, "images_per_second": a.batch * len(each) / sum(each), "last_loss": last,
        "memory": {"loaded": loaded, "loading": loading, "peak": memory("VmHWM"), "end": memory("VmRSS"), "tenths": tenths},
    }
    check(result, report)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
