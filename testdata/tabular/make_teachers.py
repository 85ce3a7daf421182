"""Trains two multilayer perceptrons on a table of particle collisions: python make_teachers.py BINARY.train BINARY.test

The table is that of LightGBM's binary classification example: tab-separated, a class, 21 measured quantities, and 7 masses
that physicists compute from them. classify.onnx tells signal from background by all 28 ("collision" [batch,28] to "logits" [batch,2]).
regress.onnx has two outputs: it computes the masses from the 21 measured quantities ("measured" [batch,21] to "jets" [batch,3] and
"decays" [batch,4]). The packages are in ../requirements.txt; the seed and the thread count are fixed.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HERE = Path(__file__).resolve().parent
SEED = 0
WIDTH = 64
HIDDEN = 4
BATCH = 64
MEASURED = 21
JETS = 3


class Perceptron(nn.Module):
    """Standardised inputs, HIDDEN layers of WIDTH, and one linear layer for each output."""

    def __init__(self, mean, deviation, outputs):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        sizes = [len(mean)] + [WIDTH] * HIDDEN
        self.hidden = nn.Sequential(*[m for i, o in zip(sizes, sizes[1:]) for m in (nn.Linear(i, o), nn.ReLU())])
        self.heads = nn.ModuleList(nn.Linear(WIDTH, o) for o in outputs)

    def forward(self, x):
        h = self.hidden((x - self.mean) / self.deviation)
        return tuple(head(h) for head in self.heads)


def read(path):
    table = torch.from_numpy(np.loadtxt(path, dtype=np.float32))
    return table[:, 0].long(), table[:, 1:]


def train(net, inputs, loss, epochs, rate):
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-2)
    steps = epochs * (len(inputs) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for at in order[: len(inputs) // BATCH * BATCH].view(-1, BATCH):
            optimiser.zero_grad()
            loss(net(inputs[at]), at).backward()
            optimiser.step()
            schedule.step()


def export(net, example, name, inputs, outputs):
    axes = {n: {0: "batch"} for n in [inputs, *outputs]}
    torch.onnx.export(net.eval(), (example,), str(HERE / name), input_names=[inputs], output_names=outputs, dynamic_axes=axes, opset_version=17, dynamo=False)


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    labels, table = read(sys.argv[1])
    test_labels, test = read(sys.argv[2])

    net = Perceptron(table.mean(0), table.std(0), [2])
    train(net, table, lambda out, at: F.cross_entropy(out[0], labels[at]), epochs=6, rate=3e-3)
    right = (net(test)[0].argmax(1) == test_labels).float().mean()
    print(f"classify.onnx: test accuracy {100 * right:.2f} %")
    export(net, test[:1], "classify.onnx", "collision", ["logits"])

    measured, masses = table[:, :MEASURED], table[:, MEASURED:]
    scale = masses.std(0)
    net = Perceptron(measured.mean(0), measured.std(0), [JETS, masses.shape[1] - JETS])
    train(net, measured, lambda out, at: F.mse_loss(torch.cat(out, 1) / scale, masses[at] / scale), epochs=10, rate=3e-3)
    out = torch.cat(net(test[:, :MEASURED]), 1)
    unexplained = ((out - test[:, MEASURED:]) ** 2).mean(0) / test[:, MEASURED:].var(0)
    print("regress.onnx: test variance that is not explained:", " ".join(f"{v:.3f}" for v in unexplained))
    export(net, test[:1, :MEASURED], "regress.onnx", "measured", ["jets", "decays"])


if __name__ == "__main__":
    main()
