"""Distils for some epochs in PyTorch, on the CPU, as `ildc compress` does: its time and accuracy beside ildc's.

Teacher, student in its training form, pairs, weights and variances are those of `ildc bench TEACHER --train -o STUDENT --json`. Images are
flipped and shifted by up to 4 pixels, the same for teacher and student. One image in ten is held out; the best validated state is tested.
Prints one JSON object.
"""

import copy
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import pytorch


def folder(path, mean, std):
    """The images of an image folder [N,3,H,W], normalised, and their classes by the order of subfolders."""
    images, labels = [], []
    for k, each in enumerate(sorted(p for p in pathlib.Path(path).iterdir() if p.is_dir())):
        for file in sorted(each.iterdir()):
            images.append(np.asarray(Image.open(file).convert("RGB")))
            labels.append(k)
    x = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float().div_(255)
    return x.sub_(mean[:, None, None]).div_(std[:, None, None]), torch.tensor(labels)


def augmented(x, pad=4):
    """Each image mirrored with probability 1/2, and shifted with zeros moving in."""
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
    padded, size = F.pad(x, (pad,) * 4), x.shape[-1]
    top, left = torch.randint(0, 2 * pad + 1, (2, len(x))).tolist()
    return torch.stack([p[:, t : t + size, l : l + size] for p, t, l in zip(padded, top, left)])


def accuracy(model, x, labels, batch):
    model.eval()
    with torch.no_grad():
        right = sum(int((pytorch.all_outputs(model(x[i : i + batch]))[0].argmax(1) == labels[i : i + batch]).sum()) for i in range(0, len(x), batch))
    model.train()
    return right / len(x)


def reestimated(student, x, batch, batches=20):
    """The running statistics start as the plain mean over some batches: pruning has moved them."""
    norms = [m for m in student.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    was = [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None
    with torch.no_grad():
        for i in range(batches):
            student(augmented(x[i * batch : (i + 1) * batch]))
    for m, momentum in zip(norms, was):
        m.momentum = momentum


def main():
    p = pytorch.parser(__doc__ + "DATA is an image folder with train and test.", 64)
    p.add_argument("--epochs", type=int, default=5)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--warmup", type=float, default=0.1, help="part of the steps in which the rate rises")
    p.add_argument("--mean", type=float, nargs=3, default=[0.4914, 0.4822, 0.4465])
    p.add_argument("--std", type=float, nargs=3, default=[0.2470, 0.2435, 0.2616])
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_num_interop_threads(1)
    torch.manual_seed(a.seed)
    compiled, layout = pytorch.VARIANTS[a.variant]
    with open(a.report) as f:
        report = json.load(f)["benchmarks"][0]
    teacher, objective = pytorch.build(a, report)
    teacher.to(memory_format=layout)
    objective.to(memory_format=layout)
    mean, std = torch.tensor(a.mean), torch.tensor(a.std)
    x, labels = folder(a.data + "/train", mean, std)
    order = torch.randperm(len(x))
    held, kept = order[: len(x) // 10], order[len(x) // 10 :]
    held_x, held_labels, x, labels = x[held], labels[held], x[kept], labels[kept]
    parameters = list(objective.parameters())
    optimizer = pytorch.sgd(parameters, a)
    epoch = len(x) // a.batch
    steps = a.epochs * epoch

    def rate(i):
        rise = a.warmup * steps
        return a.lr * ((i + 1) / rise if i < rise else (1 + math.cos(math.pi * (i - rise) / (steps - rise))) / 2)

    def loss(x, labels):
        with torch.no_grad():
            out = pytorch.all_outputs(teacher(x))
        return objective(x, out, labels)

    if compiled:
        loss = torch.compile(loss)
    start = time.perf_counter()
    reestimated(objective.student, x, a.batch)
    best, best_state, history = 0, None, []
    for i in range(steps):
        if i % epoch == 0:
            order = torch.randperm(len(x))
        at = order[i % epoch * a.batch :][: a.batch]
        for group in optimizer.param_groups:
            group["lr"] = rate(i)
        optimizer.zero_grad(set_to_none=True)
        total = loss(augmented(x[at]).contiguous(memory_format=layout), labels[at])[0]
        total.backward()
        nn.utils.clip_grad_norm_(parameters, a.clip)
        optimizer.step()
        if (i + 1) % max(1, steps // 10) == 0 or i + 1 == steps:
            now = accuracy(objective.student, held_x, held_labels, a.batch)
            history.append({"step": i + 1, "accuracy": now, "seconds": time.perf_counter() - start})
            print(history[-1], file=sys.stderr, flush=True)
            if now > best:
                best, best_state = now, copy.deepcopy(objective.student.state_dict())
    seconds = time.perf_counter() - start
    objective.student.load_state_dict(best_state)
    tested = folder(a.data + "/test", mean, std)
    print(json.dumps({
        "variant": a.variant, "torch": torch.__version__, "steps": steps, "seconds": seconds, "images_per_second": steps * a.batch / seconds,
        "validation": best, "test": accuracy(objective.student, *tested, a.batch), "history": history}))


if __name__ == "__main__":
    main()
