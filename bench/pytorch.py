"""Times a distillation step in PyTorch, on the CPU: the other side of `ildc bench --train`.

It loads the same teacher.onnx and student.onnx through onnx2torch, takes pairs, weights, variances and settings from what
`ildc bench --json` has printed for them, and trains on the same batches. The first loss must be the one that ildc reports.
Prints one JSON object.
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

VARIANTS = {  # whether it is compiled, and the memory format
    "eager": (False, torch.contiguous_format),
    "channels_last": (False, torch.channels_last),
    "compile": (True, torch.contiguous_format),
    "compile_channels_last": (True, torch.channels_last),
}


def load(path, features):
    """The model as a module that gives its output and the named intermediate values."""
    model = onnx.load(path)
    known = {o.name for o in model.graph.output}
    typed = {v.name: v for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    del model.graph.output[1:]
    for name in features:
        if name in known:
            sys.exit(f"{path}: pair value {name} is an output: not supported")
        model.graph.output.append(typed[name])
    return convert(model)


def connector(teacher, student):
    """The start of a connector without lineage: cosines, [teacher, student]."""
    t = np.arange(teacher)[:, None]
    s = np.arange(student)[None, :]
    w = math.sqrt(2 / student) * np.cos(math.pi * (t + 1) * (s + 0.5) / max(teacher, student))
    return torch.from_numpy(w.astype(np.float32))


class Objective(nn.Module):
    """The student with its connectors, and the losses against what the teacher gives."""

    def __init__(self, student, report, temperature, output, shapes):
        super().__init__()
        self.student = student
        self.temperature = temperature
        variances = report["variances"]
        self.down = 1 / max(1.0, math.sqrt(variances[output]) / 10)  # of logits that are too far apart
        self.weights = {t["name"]: t["weight"] for t in report["losses"]}
        self.scales = []
        self.connectors = nn.ParameterList()
        for t in report["losses"]:
            if t["name"] == "hint":
                names = t["pairs"]
                of_teacher = {p["student"]: shapes[p["teacher"]] for p in report["pairs"]}
                for name in names:
                    w = connector(of_teacher[name][1], shapes["student"][name][1])
                    if len(shapes["student"][name]) == 4:
                        w = w[:, :, None, None]
                    self.connectors.append(nn.Parameter(w))
                    self.scales.append(1 / variances["hint/" + name] / len(names))

    def forward(self, x, teacher):
        student = self.student(x)
        if not isinstance(student, (tuple, list)):
            student = (student,)
        scale = self.down / self.temperature
        kd = F.kl_div(F.log_softmax(student[0] * scale, -1), F.log_softmax(teacher[0] * scale, -1), reduction="batchmean", log_target=True)
        kd = kd * self.temperature**2
        hint = sum((self.hint(i, s, t) for i, (s, t) in enumerate(zip(student[1:], teacher[1:]))), start=torch.zeros(()))
        return self.weights["kd"] * kd + self.weights.get("hint", 0) * hint, kd, hint

    def hint(self, i, student, teacher):
        w = self.connectors[i]
        mapped = F.conv2d(student, w) if w.dim() == 4 else F.linear(student, w)
        return F.mse_loss(mapped, teacher) * self.scales[i]


def memory(field):
    """A figure of this process in bytes: VmRSS, or VmHWM, the most of it."""
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    return 0


def reset_peak():
    with open("/proc/self/clear_refs", "w") as f:
        f.write("5")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("teacher")
    p.add_argument("student")
    p.add_argument("report", help="what `ildc bench --train --student STUDENT --json` printed")
    p.add_argument("data", help=".npy with the inputs of at least one batch")
    p.add_argument("--variant", choices=VARIANTS, default="eager")
    p.add_argument("--batch", type=int, default=128)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--warmup", type=int, default=3)
    p.add_argument("--lr", type=float, default=0.02)
    p.add_argument("--momentum", type=float, default=0.9)
    p.add_argument("--weight-decay", type=float, default=5e-4)
    p.add_argument("--clip", type=float, default=5)
    p.add_argument("--temperature", type=float, default=4)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_num_interop_threads(1)
    compiled, layout = VARIANTS[a.variant]

    with open(a.report) as f:
        report = json.load(f)["benchmarks"][0]
    terms = {t["name"]: t for t in report["losses"]}
    names = terms.get("hint", {}).get("pairs", [])
    partner = {q["student"]: q["teacher"] for q in report["pairs"]}
    teacher = load(a.teacher, [partner[n] for n in names]).eval().requires_grad_(False)
    student = load(a.student, names).train()
    output = onnx.load(a.teacher, load_external_data=False).graph.output[0].name

    data = np.load(a.data, mmap_mode="r")
    batches = [torch.from_numpy(np.array(data[i : i + a.batch])) for i in range(0, min(8 * a.batch, len(data) - a.batch + 1), a.batch)]
    if batches[0].dim() == 4:
        batches = [b.contiguous(memory_format=layout) for b in batches]
    # The shapes come from a forward pass in evaluation, which leaves the running statistics alone.
    with torch.no_grad():
        shapes = dict(zip([partner[n] for n in names], [v.shape for v in teacher(batches[0])[1:]] if names else []))
        student.eval()
        shapes["student"] = dict(zip(names, [v.shape for v in student(batches[0])[1:]] if names else []))
        student.train()

    objective = Objective(student, report, a.temperature, output, shapes)
    teacher.to(memory_format=layout)
    objective.to(memory_format=layout)
    parameters = [q for q in objective.parameters() if q.requires_grad]
    optimizer = torch.optim.SGD(
        [{"params": [q for q in parameters if q.dim() > 1], "weight_decay": a.weight_decay}, {"params": [q for q in parameters if q.dim() < 2]}],
        lr=a.lr, momentum=a.momentum, nesterov=True, fused=True)

    def loss(x):
        with torch.no_grad():
            out = teacher(x)
        return objective(x, out if isinstance(out, (tuple, list)) else (out,))

    if compiled:
        loss = torch.compile(loss)

    def step(i):
        optimizer.zero_grad(set_to_none=True)
        total, kd, hint = loss(batches[i % len(batches)])
        total.backward()
        if a.clip > 0:
            nn.utils.clip_grad_norm_(parameters, a.clip)
        optimizer.step()
        return {"total": total.item(), "kd": kd.item(), "hint": hint.item()}

    gc.collect()
    result = {"variant": a.variant, "torch": torch.__version__, "threads": torch.get_num_threads(), "batch": a.batch, "steps": a.steps,
              "parameters": sum(q.numel() for q in parameters),
              "student_parameters": sum(q.numel() for q in student.parameters() if q.requires_grad),
              "batch_norms": sum(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training for m in student.modules())}
    loaded, loading = memory("VmRSS"), memory("VmHWM")
    reset_peak()
    last = first = step(0)
    for i in range(1, a.warmup):
        last = step(i)
    each, tenths = [], []
    for i in range(a.steps):
        start = time.perf_counter()
        last = step(a.warmup + i)
        each.append(time.perf_counter() - start)
        if a.steps >= 10 and (i + 1) * 10 // a.steps > i * 10 // a.steps:
            tenths.append(memory("VmRSS"))
    result |= {"p50_ms": statistics.median(each) * 1e3, "least_ms": min(each) * 1e3, "images_per_second": a.batch * a.steps / sum(each),
               "first_loss": first, "last_loss": last,
               "memory": {"loaded": loaded, "loading": loading, "peak": memory("VmHWM"), "end": memory("VmRSS"), "tenths": tenths}}
    want = report["first_loss"]["total"]
    result["first_loss_difference"] = abs(first["total"] - want) / abs(want)
    print(json.dumps(result))
    if result["first_loss_difference"] > 1e-3:
        sys.exit(f"the first loss is {first}, ildc's is {report['first_loss']}: the two sides do not train the same step")


if __name__ == "__main__":
    main()
