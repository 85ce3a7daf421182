"""Writes a MobileNetV2 for CIFAR-10 with random weights as ONNX, BatchNormalization nodes kept: a benchmark's teacher.

Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2, at half width, with a stem of stride 1 and the
strides 1-1-2-2-1-2-1, so that a 32x32 image ends as 4x4.
"""

import sys

import torch
from torch import nn

WIDTH = 0.5
STAGES = [  # expansion, channels, blocks, stride
    (1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
]


def channels(full):
    """The paper's rounding: to a multiple of 8, by no more than a tenth down."""
    scaled = full * WIDTH
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def conv(inp, out, kernel, stride=1, groups=1, act=True):
    layers = [nn.Conv2d(inp, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, nn.ReLU6()) if act else nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, inp, out, stride, expansion):
        super().__init__()
        mid = inp * expansion
        expand = [conv(inp, mid, 1)] if expansion > 1 else []
        self.layers = nn.Sequential(*expand, conv(mid, mid, 3, stride, groups=mid), conv(mid, out, 1, act=False))
        self.residual = stride == 1 and inp == out

    def forward(self, x):
        y = self.layers(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        width = channels(32)
        layers = [conv(3, width, 3)]
        for expansion, full, blocks, stride in STAGES:
            for i in range(blocks):
                layers.append(Block(width, channels(full), stride if i == 0 else 1, expansion))
                width = channels(full)
        layers.append(conv(width, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(1280, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def main():
    torch.manual_seed(0)
    model = MobileNetV2()
    for m in model.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_normal_(m.weight, mode="fan_out")
    with torch.no_grad():  # the running statistics become those of data, or activations vanish on the way
        for m in model.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.momentum = None
        for _ in range(4):
            model(torch.randn(128, 3, 32, 32))
    model.eval()
    torch.onnx.export(model, (torch.randn(1, 3, 32, 32),), sys.argv[1], dynamo=False, opset_version=17, do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE, input_names=["input"], output_names=["logits"],
                      dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})


if __name__ == "__main__":
    main()
