"""Torch-Pruning by group norm, then recovery in closed form, without training.

bn-statistics and bn-statistics-uniform re-estimate the running statistics of batch norm. least-squares and least-squares-uniform solve for
the weights and biases, layer by layer from the input, each with batch norm folded into it: what the pruned net itself gives to the layer
should give what the teacher has there, in the channels that are left; at the end of a residual block, what the sum lacks. The ridge pulls
towards the pruned weights. Without "-uniform" the channels of all layers are ranked together, with it within each group. Seeds choose
images.
"""

import time

import torch
import torch.nn.functional as F
from torch import nn

import common
import pruned

BATCHES = 32  # of images, varied as in training
RIDGE = 1e-3  # of the mean of the squared inputs


def re_estimated(net, batches):
    """The running statistics become the plain mean over the batches."""
    for m in net.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.reset_running_stats()
            m.momentum = None
    net.train()
    for x in batches:
        net(x)
    return net.eval()


def kept(teacher, student):
    """Which of the teacher's channels a pruned batch norm still has: those of the same statistics."""
    both = [torch.stack([m.running_mean, m.running_var]).T for m in (teacher, student)]
    same = (both[0][:, None] == both[1][None]).all(-1)
    assert (same.sum(0) == 1).all(), "a channel's statistics are not its own"
    return same.int().argmax(0)


def fold(convolution, norm):
    """Batch norm goes into the convolution, which gets a bias."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    convolution.weight.data *= scale[:, None, None, None]
    convolution.bias = nn.Parameter(norm.bias - norm.running_mean * scale)


def rows(layer, x):
    """A layer's inputs [rows, weights of an output], with a 1 for the bias."""
    if isinstance(layer, nn.Conv2d):
        x = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride).transpose(1, 2).flatten(0, 1)
    return torch.cat([x, torch.ones(len(x), 1)], 1)


def solve(layer, inputs, outputs):
    """The weights and the bias that give the outputs best, by batches."""
    before = torch.cat([layer.weight.flatten(1), layer.bias[:, None]], 1).double()
    left, right = 0, 0
    for x, y in zip(inputs, outputs):
        x, y = rows(layer, x), y.movedim(1, -1).flatten(0, -2)
        left, right = left + (x.T @ x).double(), right + (x.T @ y).double()
    ridge = RIDGE * left.diagonal().mean()
    solved = torch.linalg.solve(left + ridge * torch.eye(len(left)), right + ridge * before.T).T.float()
    layer.weight.data = solved[:, :-1].reshape(layer.weight.shape).contiguous()
    layer.bias.data = solved[:, -1].contiguous()


def reconstructed(teacher, student, batches):
    """Solves every layer of the student, and takes its batch norms away."""

    def each(f, *values):
        return [f(*v) for v in zip(*values)]

    def layer(convolution, norm, of_teacher, s, t, less=None):
        """Solves a convolution, and gives both sides' outputs of it; less is what the student and the teacher add to it."""
        at = kept(of_teacher[1], norm)
        fold(convolution, norm)
        wanted = each(nn.Sequential(*of_teacher), t)
        if less:
            wanted = each(torch.add, wanted, less[1])
        target = [w[:, at] for w in wanted]
        solve(convolution, s, each(torch.sub, target, less[0]) if less else target)
        got = each(convolution, s)
        return each(torch.add, got, less[0]) if less else got, wanted

    s = t = batches
    for i, (a, b) in enumerate(zip(student, teacher)):
        if isinstance(a, nn.Conv2d):
            s, t = layer(a, student[1], (b, teacher[1]), s, t)
            student[1] = nn.Identity()
        elif type(a).__name__ == "Block":
            inner_s, inner_t = (each(F.relu, v) for v in layer(a.c1, a.b1, (b.c1, b.b1), s, t))
            if isinstance(a.d, nn.Sequential):
                s, t = layer(a.d[0], a.d[1], (b.d[0], b.d[1]), s, t)
                a.d = a.d[0]
            s, t = (each(F.relu, v) for v in layer(a.c2, a.b2, (b.c2, b.b2), inner_s, inner_t, (s, t)))
            a.b1, a.b2 = nn.Identity(), nn.Identity()
        elif i != 1:
            t = each(b, t)
            if isinstance(a, nn.Linear):
                solve(a, s, t)
            s = each(a, s)
    return student


def main():
    a = common.arguments(__doc__, [name + end for name in ("bn-statistics", "least-squares") for end in ("", "-uniform")])
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    images = common.Images(a)
    start = time.perf_counter()
    net, path = pruned.teacher(a.teachers)
    batches = [torch.from_numpy(x) for x in images.batches(BATCHES)]
    student = pruned.prune(net, "uniform" if a.peer.endswith("uniform") else "norm", a.budget, [])
    with torch.no_grad():
        student = re_estimated(student, batches) if a.peer.startswith("bn") else reconstructed(net, student, batches)
    seconds = time.perf_counter() - start
    pruned.export(student, a.student)
    engine = f"torch {torch.__version__.split('+')[0]}, Torch-Pruning {pruned.torch_pruning.__version__}"
    common.report(a, images, path, engine, seconds, 0)


if __name__ == "__main__":
    main()
