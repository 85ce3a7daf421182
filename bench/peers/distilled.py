"""Torch-Pruning, then plain distillation of logits in PyTorch: the peers norm, taylor and uniform (pruned.py says what they are).

The loss is KL at temperature 4; batch norm takes the batch's statistics; SGD is ildc's. The teacher's logits come from ONNX Runtime, which
is the faster way to the same values.
"""

import copy
import time

import torch
import torch.nn.functional as F
from torch import nn

import common
import pruned

TEMPERATURE = 4
LAYOUT = torch.channels_last


def main():
    a = common.arguments(__doc__, ["norm", "taylor", "uniform"])
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    torch.manual_seed(a.seed)
    images = common.Images(a)
    start = time.perf_counter()
    net, path = pruned.teacher(a.teachers)
    teacher = common.session(str(path))
    student = pruned.prune(net, a.peer, a.budget, images.batches(pruned.GRADIENT_BATCHES))
    student.to(memory_format=LAYOUT).train()
    parameters = list(student.parameters())
    optimizer = torch.optim.SGD(
        [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": 5e-4}, {"params": [p for p in parameters if p.dim() < 2]}],
        lr=a.lr, momentum=0.9, nesterov=True, fused=True)

    def step(x, wanted, rate):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        out = student(torch.from_numpy(x).contiguous(memory_format=LAYOUT))
        s, t = (F.log_softmax(v / TEMPERATURE, -1) for v in (out, torch.from_numpy(wanted)))
        loss = F.kl_div(s, t, reduction="batchmean", log_target=True) * TEMPERATURE**2
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5)
        optimizer.step()
        return loss.item()

    before, best, state = common.fit(
        a, images, teacher, step, lambda: pruned.function(student, LAYOUT), lambda: copy.deepcopy(student.state_dict()))
    student.load_state_dict(state)
    seconds = time.perf_counter() - start
    pruned.export(student, a.student)
    engine = f"torch {torch.__version__.split('+')[0]}, Torch-Pruning {pruned.torch_pruning.__version__}"
    common.report(a, images, path, engine, seconds, a.steps, before, best)


if __name__ == "__main__":
    main()
