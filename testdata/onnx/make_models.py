"""Writes one small ONNX model per topology or file feature: python make_models.py

Every function below makes one folder: model.onnx, and test_data_set_0 with a random input and the model's output.
The packages are in ../requirements.txt.
"""

import numpy as np
from fixture import Fixture
from onnx import TensorProto, helper, numpy_helper


def residual_bn():
    """Two residual blocks, the second strided with a 1x1 projection."""
    f = Fixture("residual_bn")
    x = f.conv_bn_relu("input", 3, 8)
    y = f.conv_bn_relu(x, 8, 8)
    y = f.batch_norm(f.conv(y, 8, 8), 8)
    x = f.node("Relu", f.node("Add", y, x))
    y = f.conv_bn_relu(x, 8, 12, stride=2)
    y = f.batch_norm(f.conv(y, 12, 12), 12)
    shortcut = f.batch_norm(f.conv(x, 8, 12, kernel=1, stride=2), 12)
    f.classify(f.node("Relu", f.node("Add", y, shortcut)), 12)
    f.write(f.model())


def concat_dense():
    """A dense block: every layer reads the concatenation of all before it."""
    f = Fixture("concat_dense", opset=21)
    x, channels = f.conv("input", 3, 8), 8
    for _ in range(2):
        y = f.node("Relu", f.batch_norm(x, channels))
        x = f.node("Concat", x, f.conv(y, channels, 4), axis=1)
        channels += 4
    x = f.node("Relu", f.batch_norm(x, channels))
    x = f.node("AveragePool", f.conv(x, channels, 8, kernel=1), kernel_shape=[2, 2], strides=[2, 2])
    f.classify(x, 8)
    f.write(f.model())


def depthwise():
    """An inverted bottleneck: expand, depthwise, project, add. Clip's bounds are attributes, as before opset 11."""
    f = Fixture("depthwise", opset=9)

    def relu6(x):
        return f.node("Clip", x, min=0.0, max=6.0)

    x = relu6(f.batch_norm(f.conv("input", 3, 8), 8))
    y = relu6(f.batch_norm(f.conv(x, 8, 24, kernel=1), 24))
    y = relu6(f.batch_norm(f.conv(y, 24, 24, group=24), 24))
    y = f.batch_norm(f.conv(y, 24, 8, kernel=1), 8)
    f.classify(f.node("Add", x, y), 8)
    f.write(f.model())


def grouped_conv():
    """Convolutions of two and of four groups, the second with two filters for each input channel of a group."""
    f = Fixture("grouped_conv")
    x = f.conv_bn_relu("input", 3, 8)
    x = f.conv_bn_relu(x, 8, 8, group=2)
    x = f.conv_bn_relu(x, 8, 16, group=4)
    f.classify(x, 16)
    f.write(f.model())


def flatten_gemm():
    """Flatten of a [N,8,4,4] map: each channel is a block of 16 columns of the next weight."""
    f = Fixture("flatten_gemm", opset=9)
    x = f.node("Relu", f.conv("input", 3, 8, bias=True))
    x = f.node("Flatten", f.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), axis=1)
    x = f.node("Relu", f.gemm(x, 128, 16))
    f.gemm(x, 16, 10, name="logits")
    f.output("logits", ["batch", 10])
    f.write(f.model())


def channel_shuffle():
    """A ShuffleNet unit: grouped 1x1, shuffle by Reshape, Transpose, Reshape, depthwise, grouped 1x1, add."""
    f = Fixture("channel_shuffle")
    x = f.conv_bn_relu("input", 3, 8)
    y = f.conv_bn_relu(x, 8, 8, kernel=1, group=2)
    y = f.node("Reshape", y, f.ints("to_groups", -1, 2, 4, 8, 8))
    y = f.node("Transpose", y, perm=[0, 2, 1, 3, 4])
    y = f.node("Reshape", y, f.ints("to_channels", -1, 8, 8, 8))
    y = f.batch_norm(f.conv(y, 8, 8, group=8), 8)
    y = f.batch_norm(f.conv(y, 8, 8, kernel=1, group=2), 8)
    f.classify(f.node("Relu", f.node("Add", x, y)), 8)
    f.write(f.model())


def squeeze_excite():
    """Channels scaled by a gate [N,C,1,1] that is computed from their own means."""
    f = Fixture("squeeze_excite", opset=13)
    x = f.conv_bn_relu("input", 3, 8)
    gate = f.node("ReduceMean", x, axes=[2, 3], keepdims=1)
    gate = f.node("Relu", f.conv(gate, 8, 4, kernel=1, bias=True))
    gate = f.node("Sigmoid", f.conv(gate, 4, 8, kernel=1, bias=True))
    x = f.node("Mul", x, gate)
    f.classify(f.conv_bn_relu(x, 8, 12), 12)
    f.write(f.model())


def tied_weights():
    """Two convolutions in a row share weight and bias, so input and output channels are one set."""
    f = Fixture("tied_weights")
    x = f.conv_bn_relu("input", 3, 8)
    weight = f.tensor("tied.weight", f.filters(8, 8, 3))
    bias = f.tensor("tied.bias", f.normal(8, scale=0.1))
    for _ in range(2):
        x = f.node("Relu", f.node("Conv", x, weight, bias, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
    f.classify(x, 8)
    f.write(f.model())


def channel_constant():
    """Constants along the channels: Mul [1,C,1,1], Add [C,1,1], PRelu [C,1,1]."""
    f = Fixture("channel_constant")
    x = f.conv("input", 3, 8)
    x = f.node("Mul", x, f.tensor("scale", f.uniform(1, 8, 1, 1)))
    x = f.node("Add", x, f.tensor("shift", f.normal(8, 1, 1, scale=0.1)))
    x = f.node("PRelu", x, f.tensor("slope", f.uniform(8, 1, 1, low=0.1, high=0.3)))
    f.classify(f.conv_bn_relu(x, 8, 12), 12)
    f.write(f.model())


def channel_pad_slice():
    """A shortcut without weights: every second pixel, zero channels on both sides. Then a slice of the channels."""
    f = Fixture("channel_pad_slice", opset=13)
    x = f.conv_bn_relu("input", 3, 8)
    y = f.conv_bn_relu(x, 8, 12, stride=2)
    y = f.batch_norm(f.conv(y, 12, 12), 12)
    far = np.iinfo(np.int64).max
    shortcut = f.node(
        "Slice", x, f.ints("starts", 0, 0), f.ints("ends", far, far), f.ints("axes", 2, 3), f.ints("steps", 2, 2)
    )
    shortcut = f.node("Pad", shortcut, f.ints("pads", 0, 2, 0, 0, 0, 2, 0, 0), mode="constant")
    x = f.node("Relu", f.node("Add", y, shortcut))
    x = f.node("Slice", x, f.ints("first", 1), f.ints("last", 11), f.ints("channels", 1))
    f.classify(f.conv_bn_relu(x, 10, 8), 8)
    f.write(f.model())


def split_channels():
    """Split of the channels in unequal parts, one convolved, then Concat. The sizes are an attribute, as before opset 13."""
    f = Fixture("split_channels", opset=11)
    x = f.conv_bn_relu("input", 3, 16)
    a, b = f.node("Split", x, outputs=2, axis=1, split=[6, 10])
    a = f.conv_bn_relu(a, 6, 8)
    x = f.node("Concat", a, b, axis=1)
    f.classify(f.conv_bn_relu(x, 18, 12), 12)
    f.write(f.model())


def softmax_channels():
    """Softmax over the channels: removing one changes all the others."""
    f = Fixture("softmax_channels")
    x = f.conv_bn_relu("input", 3, 8)
    x = f.node("Softmax", f.conv(x, 8, 8), axis=1)
    f.classify(f.conv_bn_relu(x, 8, 12), 12)
    f.write(f.model())


def layernorm_channels():
    """LayerNormalization over the channels, between two Transposes."""
    f = Fixture("layernorm_channels")
    x = f.conv("input", 3, 8)
    x = f.node("Transpose", x, perm=[0, 2, 3, 1])
    scale, shift = f.tensor("norm.weight", f.uniform(8)), f.tensor("norm.bias", f.normal(8, scale=0.1))
    x = f.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-5)
    x = f.node("Transpose", x, perm=[0, 3, 1, 2])
    f.classify(f.conv_bn_relu(x, 8, 12), 12)
    f.write(f.model())


def fixed_batch_reshape():
    """Batch 1, written into the input and into the constants of two Reshapes."""
    f = Fixture("fixed_batch_reshape", shape=(1, 3, 8, 8))
    x = f.node("Relu", f.conv("input", 3, 8, stride=2, bias=True))
    x = f.node("Reshape", x, f.ints("to_tokens", 1, 8, 16))
    x = f.node("Reshape", f.node("Sigmoid", x), f.ints("to_row", 1, 128))
    f.gemm(x, 128, 10, name="logits")
    f.output("logits", [1, 10])
    f.write(f.model())


def opset6_mlp():
    """An MLP as exporters wrote in 2017: Gemm's broadcast, BatchNormalization's is_test, weights listed as inputs."""
    f = Fixture("opset6_mlp", shape=("batch", 16), opset=6)
    x = f.gemm("input", 16, 12, broadcast=1)
    x = f.node("Relu", f.batch_norm(x, 12, is_test=1, spatial=1))
    x = f.node("Dropout", x, is_test=1, ratio=0.5)
    x = f.node("Relu", f.gemm(x, 12, 8, broadcast=1))
    f.gemm(x, 8, 10, name="logits", broadcast=1)
    for weight in f.weights:
        f.input(weight.name, weight.dims)
    f.output("logits", ["batch", 10])
    f.write(f.model())


def nhwc_sandwich():
    """Channels last outside, channels first within, as converters from TensorFlow write it."""
    f = Fixture("nhwc_sandwich", shape=("batch", 8, 8, 3))
    x = f.node("Transpose", "input", perm=[0, 3, 1, 2])
    x = f.node("Relu", f.conv(x, 3, 8, bias=True))
    x = f.node("Transpose", x, perm=[0, 2, 3, 1])
    x = f.node("Add", x, f.tensor("shift", f.normal(8, scale=0.1)))
    x = f.node("Transpose", x, perm=[0, 3, 1, 2])
    x = f.node("Relu", f.conv(x, 8, 4, stride=2, bias=True))
    x = f.node("Transpose", x, perm=[0, 2, 3, 1])
    x = f.node("Reshape", x, f.ints("to_rows", -1, 64))
    x = f.node("MatMul", x, f.tensor("kernel", f.normal(64, 10, scale=0.125)))
    f.node("Add", x, f.tensor("bias", f.normal(10, scale=0.1)), outputs=["logits"])
    f.output("logits", ["batch", 10])
    f.write(f.model())


def constant_weights():
    """Weights, a shape and a scalar in Constant nodes; no initialisers."""
    f = Fixture("constant_weights")

    def constant(array):
        return f.node("Constant", value=numpy_helper.from_array(array))

    weight, bias = constant(f.filters(8, 3, 3)), constant(f.normal(8, scale=0.1))
    x = f.node("Conv", "input", weight, bias, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = f.node("Mul", f.node("Relu", x), f.node("Constant", value_float=0.5))
    x = f.node("Reshape", x, f.node("Constant", value_ints=[-1, 128]))
    weight, bias = constant(f.normal(10, 128, scale=0.1)), constant(f.normal(10, scale=0.1))
    f.node("Gemm", x, weight, bias, outputs=["logits"], transB=1)
    f.output("logits", ["batch", 10])
    f.write(f.model())


def external_data():
    """Weights in the file weights.data beside the model."""
    f = Fixture("external_data")
    x = f.conv_bn_relu("input", 3, 8)
    f.classify(f.conv_bn_relu(x, 8, 12), 12)
    f.write(f.model(), external="weights.data")


def subgraph_if():
    """An If whose branches read a value of the outer graph; one has an initialiser of its own."""
    f = Fixture("subgraph_if")
    x = f.conv_bn_relu("input", 3, 8)
    mean = f.node("ReduceMean", "input", keepdims=0)
    positive = f.node("Greater", mean, f.tensor("zero", np.float32(0)))

    def branch(op, operands, weights):
        value = helper.make_tensor_value_info(f"{op.lower()}_branch", TensorProto.FLOAT, ["batch", 8, 8, 8])
        node = helper.make_node(op, operands, [value.name], name=value.name)
        return helper.make_graph([node], f"{op.lower()}_graph", [], [value], weights)

    gain = numpy_helper.from_array(f.uniform(1, 8, 1, 1), "gain")
    x = f.node(
        "If", positive, then_branch=branch("Mul", [x, "gain"], [gain]), else_branch=branch("Sigmoid", [x], [])
    )
    f.classify(f.conv_bn_relu(x, 8, 12), 12)
    f.write(f.model())


def unknown_domain():
    """A node of a domain that nobody knows, with attributes, documentation and metadata to carry along. Nothing runs it."""
    f = Fixture("unknown_domain")
    f.opsets.append(helper.make_opsetid("com.example", 3))
    x = f.conv_bn_relu("input", 3, 8)
    x = f.node(
        "Scramble", x, f.tensor("key", f.normal(4)), domain="com.example", mode="spin", gain=0.5, taps=[1, 2, 3],
        doc_string="known to its author only",
    )
    f.values.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, ["batch", 8, 8, 8]))
    f.classify(f.conv_bn_relu(x, 8, 12), 12)
    model = f.model()
    model.doc_string = "a model with a custom operator"
    model.domain = "com.example"
    model.model_version = 7
    helper.set_model_props(model, {"author": "make_models.py", "purpose": "round trip"})
    f.write(model, record=False)


MODELS = [
    residual_bn, concat_dense, depthwise, grouped_conv, flatten_gemm, channel_shuffle, squeeze_excite, tied_weights,
    channel_constant, channel_pad_slice, split_channels, softmax_channels, layernorm_channels, fixed_batch_reshape,
    opset6_mlp, nhwc_sandwich, constant_weights, external_data, subgraph_if, unknown_domain,
]

if __name__ == "__main__":
    for make in MODELS:
        make()
