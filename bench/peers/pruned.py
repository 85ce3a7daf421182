"""Students that Torch-Pruning makes of the teacher in PyTorch."""

import copy
import sys

import numpy as np
import torch
import torch.nn.functional as F
import torch_pruning
from torch import nn

GRADIENT_BATCHES = 8  # whose gradients the Taylor criterion sums, anew in every step


def teacher(folder):
    """The teacher's module, and the ONNX file of the same weights."""
    sys.path.append(str(folder))
    import cifar_resnet

    net = cifar_resnet.resnet()
    net.load_state_dict(torch.load(folder / "resnet20_cifar10.pt"))
    return net.eval(), folder / "resnet20_cifar10.onnx"


def macs(net):
    """Multiply-adds of convolutions and linear layers for one image."""
    counts = []

    def count(layer, _, out):
        counts.append(layer.weight.numel() * out[0, 0].numel() if out.dim() == 4 else layer.weight.numel())

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        net(torch.zeros(1, 3, 32, 32))
    for h in hooks:
        h.remove()
    return sum(counts)


def prune(net, kind, budget, batches):
    """A copy of the net with at most that part of its multiply-adds. A step takes one channel in a hundred, the last as few groups as do.

    kind: "norm" and "taylor" rank the channels of all layers together, by group L2 norm or by first-order Taylor expansion; "uniform" ranks
    by norm within each group, and takes the same part of each. There are no labels: what is expanded is the cross-entropy with the
    teacher's answers, since the distillation loss has no gradient where the student is still the teacher.
    """
    student = copy.deepcopy(net)
    kinds = torch_pruning.importance
    importance = kinds.GroupTaylorImportance() if kind == "taylor" else kinds.GroupMagnitudeImportance(p=2)
    pruner = torch_pruning.pruner.BasePruner(
        student, torch.zeros(1, 3, 32, 32), importance=importance, global_pruning=kind != "uniform", pruning_ratio=1.0,
        iterative_steps=100, ignored_layers=[student[-1]])
    data = [torch.from_numpy(x) for x in batches] if kind == "taylor" else []
    with torch.no_grad():
        answers = [net(x).argmax(1) for x in data]
    most = budget * macs(net)
    while macs(student) > most:
        student.zero_grad()
        for x, answer in zip(data, answers):
            F.cross_entropy(student(x), answer).backward()
        for group in pruner.step(interactive=True):
            group.prune()
            if macs(student) <= most:
                break
    student.zero_grad()
    return student


def export(net, path):
    """Writes the net as ONNX, with batch norm as it is, and any batch size."""
    batch = {0: "batch"}
    torch.onnx.export(
        net.eval().to(memory_format=torch.contiguous_format), (torch.zeros(1, 3, 32, 32),), path,
        input_names=["input"], output_names=["logits"], dynamic_axes={"input": batch, "logits": batch},
        opset_version=17, training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False, dynamo=False)


def function(net, layout=torch.contiguous_format):
    """The net as it is in evaluation, as a function of an array."""

    def run(x):
        training = net.training
        net.eval()
        with torch.no_grad():
            out = net(torch.from_numpy(x).contiguous(memory_format=layout)).numpy()
        net.train(training)
        return np.ascontiguousarray(out)

    return run
