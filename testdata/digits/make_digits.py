"""Writes the digits data set and trains its teacher: python make_digits.py

Everything lands beside this file: data/ (IDX, gzip), teacher.onnx (batch norm kept), teacher_folded.onnx (the same
weights, batch norm folded into the convolutions) and test_data_set_0/ (PyTorch's logits for the first test images).
The packages are in ../requirements.txt; the seed, the thread count and deterministic kernels are fixed.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

HERE = Path(__file__).resolve().parent
SEED = 0
TEST_IMAGES = 360
EPOCHS = 80
BATCH = 64
PEAK_RATE = 0.1
WEIGHT_DECAY = 5e-4


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 projection where the shape changes."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class DigitsNet(nn.Module):
    """input [batch,1,8,8] in 0..1 to logits [batch,10]: a stem, two blocks at 8x8, two at 4x4."""

    def __init__(self, width=24):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(
            Block(width, width),
            Block(width, width),
            Block(width, 2 * width, stride=2),
            Block(2 * width, 2 * width),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(2 * width, 10)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn(self.stem(x))))
        return self.head(torch.flatten(self.pool(x), 1))


def split():
    """The 1797 images [N,8,8] uint8 in 0..16 and labels [N] uint8, split with equal class shares."""
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=TEST_IMAGES, stratify=labels, random_state=SEED
    )
    return (train_images, train_labels), (test_images, test_labels)


def write_idx(path, array):
    header = struct.pack(">BBBB", 0, 0, 0x08, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes(), compresslevel=9, mtime=0))


def tensors(images, labels):
    return torch.from_numpy(images).float().div(16).unsqueeze(1), torch.from_numpy(labels).long()


def shifted(x):
    """Moves every image by -1, 0 or 1 pixels along each axis, filling with background."""
    padded = F.pad(x, (1, 1, 1, 1))
    windows = padded.unfold(2, 8, 1).unfold(3, 8, 1)  # [N,1,3,3,8,8]
    n = torch.arange(len(x))
    return windows[n, :, torch.randint(3, (len(x),)), torch.randint(3, (len(x),))]


def train(model, x, y):
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]
    optimiser = torch.optim.SGD(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others}],
        lr=PEAK_RATE, momentum=0.9, nesterov=True,
    )
    steps = len(x) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, total_steps=EPOCHS * steps)
    model.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x))[: steps * BATCH].split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(model(shifted(x[batch])), y[batch]).backward()
            optimiser.step()
            schedule.step()
    model.eval()


def correct(model, x, y):
    with torch.no_grad():
        return int((model(x).argmax(1) == y).sum())


def macs(model, x):
    """Multiply-adds of the convolutions and the linear layer for one image, counted from their outputs."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += layer.weight[0].numel() * output[0].numel()

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(x[:1])
    for hook in hooks:
        hook.remove()
    return total


def export(model, path, **options):
    torch.onnx.export(
        model, (torch.zeros(1, 1, 8, 8),), path, dynamo=False, opset_version=17,
        input_names=["input"], output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}}, **options,
    )
    onnx.checker.check_model(str(path), full_check=True)


def write_case(folder, model, x):
    """One case in the layout of ONNX's backend tests, with PyTorch's outputs."""
    folder.mkdir(exist_ok=True)
    with torch.no_grad():
        y = model(x)
    for name, file, tensor in (("input", "input_0.pb", x), ("logits", "output_0.pb", y)):
        message = numpy_helper.from_array(tensor.numpy(), name)
        (folder / file).write_bytes(message.SerializeToString(deterministic=True))


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    train_set, test_set = split()
    data = HERE / "data"
    data.mkdir(exist_ok=True)
    for name, (images, labels) in (("train", train_set), ("test", test_set)):
        write_idx(data / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(data / f"{name}-labels-idx1-ubyte.gz", labels)

    model = DigitsNet()
    x, y = tensors(*train_set)
    test_x, test_y = tensors(*test_set)
    train(model, x, y)

    preserve = dict(training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    export(model, HERE / "teacher.onnx", **preserve)
    export(model, HERE / "teacher_folded.onnx")
    write_case(HERE / "test_data_set_0", model, test_x[:16])

    print("parameters", sum(p.numel() for p in model.parameters()), "MACs", macs(model, x))
    print(f"train {correct(model, x, y)}/{len(x)}, test {correct(model, test_x, test_y)}/{len(test_x)}")


if __name__ == "__main__":
    main()
