"""Builds one small ONNX model node by node, and writes it with a recorded case. Used by make_models.py."""

import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, version_converter
from onnx.reference import ReferenceEvaluator

HERE = Path(__file__).resolve().parent
BATCH = 3  # of the recorded input, where the model's batch is symbolic
IR_VERSIONS = {6: 3, 9: 4, 11: 6, 13: 7, 17: 8, 21: 10}


class Fixture:
    """A model under construction. Weights are random, seeded by the model's name. Methods give the name of their value."""

    def __init__(self, name, shape=("batch", 3, 8, 8), opset=17):
        self.name, self.shape, self.opset = name, shape, opset
        self.random = np.random.default_rng(zlib.crc32(name.encode()))
        self.nodes, self.weights, self.inputs, self.values = [], [], [], []
        self.opsets = [helper.make_opsetid("", opset)]
        self.outputs = []
        self.counts = {}
        self.input("input", shape)

    def input(self, name, shape):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def output(self, name, shape):
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def label(self, op):
        """The next free name for a node of this type: conv1, conv2, …"""
        self.counts[op] = self.counts.get(op, 0) + 1
        return f"{op.lower()}{self.counts[op]}"

    def node(self, op, *inputs, outputs=None, **attributes):
        """Adds a node; outputs is a count or a list of names, one unnamed output by default."""
        name = self.label(op)
        if outputs is None:
            outputs = [f"{name}_out"]
        elif isinstance(outputs, int):
            outputs = [f"{name}_out{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        return outputs[0] if len(outputs) == 1 else outputs

    def tensor(self, name, array):
        """Adds an initialiser."""
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, name, *values):
        return self.tensor(name, np.array(values, np.int64))

    def normal(self, *shape, scale=1.0):
        return (self.random.standard_normal(shape) * scale).astype(np.float32)

    def uniform(self, *shape, low=0.5, high=1.5):
        return self.random.uniform(low, high, shape).astype(np.float32)

    def filters(self, outputs, inputs, kernel):
        """A convolution weight [outputs, inputs, kernel, kernel] that keeps the scale of its input."""
        return self.normal(outputs, inputs, kernel, kernel, scale=(2 / (inputs * kernel**2)) ** 0.5)

    def conv(self, x, inputs, outputs, kernel=3, stride=1, group=1, bias=False):
        """A convolution padded to keep the extent at stride 1; inputs and outputs count all groups."""
        name = f"conv{self.counts.get('Conv', 0) + 1}"
        operands = [x, self.tensor(f"{name}.weight", self.filters(outputs, inputs // group, kernel))]
        if bias:
            operands.append(self.tensor(f"{name}.bias", self.normal(outputs, scale=0.1)))
        return self.node(
            "Conv", *operands, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4, group=group
        )

    def batch_norm(self, x, channels, **attributes):
        name = f"bn{self.counts.get('BatchNormalization', 0) + 1}"
        return self.node(
            "BatchNormalization",
            x,
            self.tensor(f"{name}.weight", self.uniform(channels)),
            self.tensor(f"{name}.bias", self.normal(channels, scale=0.1)),
            self.tensor(f"{name}.running_mean", self.normal(channels, scale=0.1)),
            self.tensor(f"{name}.running_var", self.uniform(channels)),
            epsilon=1e-5,
            **attributes,
        )

    def conv_bn_relu(self, x, *args, **options):
        x = self.conv(x, *args, **options)
        channels = args[1]
        return self.node("Relu", self.batch_norm(x, channels))

    def gemm(self, x, inputs, outputs, name=None, **attributes):
        """A linear layer with a weight [outputs, inputs]."""
        label = f"gemm{self.counts.get('Gemm', 0) + 1}"
        weight = self.tensor(f"{label}.weight", self.normal(outputs, inputs, scale=inputs**-0.5))
        bias = self.tensor(f"{label}.bias", self.normal(outputs, scale=0.1))
        return self.node("Gemm", x, weight, bias, outputs=[name] if name else None, transB=1, **attributes)

    def classify(self, x, channels, classes=10):
        """Global average pool and a linear layer, which make the output logits [batch, classes]."""
        x = self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)
        self.gemm(x, channels, classes, name="logits")
        self.output("logits", [self.shape[0], classes])

    def model(self):
        graph = helper.make_graph(
            self.nodes, self.name, self.inputs, self.outputs, self.weights, value_info=self.values
        )
        return helper.make_model(
            graph, producer_name="make_models.py", opset_imports=self.opsets, ir_version=IR_VERSIONS[self.opset]
        )

    def write(self, model, external=None, record=True):
        """Writes model.onnx, checked, and its case; external names a file for the weights."""
        folder = HERE / self.name
        folder.mkdir(exist_ok=True)
        path = folder / "model.onnx"
        if external:
            (folder / external).unlink(missing_ok=True)
            onnx.save(model, path, save_as_external_data=True, location=external, size_threshold=0)
        else:
            path.write_bytes(model.SerializeToString(deterministic=True))
        onnx.checker.check_model(str(path), full_check=True)
        if record:
            self.record(path)

    def record(self, path):
        x = self.normal(*[dim if isinstance(dim, int) else BATCH for dim in self.shape])
        y = run(path, x)
        case = path.parent / "test_data_set_0"
        case.mkdir(exist_ok=True)
        for file, name, array in (("input_0.pb", "input", x), ("output_0.pb", self.outputs[0].name, y)):
            tensor = numpy_helper.from_array(array, name)
            (case / file).write_bytes(tensor.SerializeToString(deterministic=True))


def run(path, x):
    """The model's output by ONNX Runtime, which ONNX's reference evaluator must agree with.

    Before opset 14 the reference evaluator runs BatchNormalization with batch statistics, and before opset 7 ONNX
    Runtime has no kernels: there they run the model as ONNX's version converter brings it to opset 17.
    """
    upgraded = onnx.load(path)
    opset = upgraded.opset_import[0].version
    if opset < 14:
        for value in (upgraded.graph.input[0], upgraded.graph.output[0]):
            value.type.tensor_type.shape.dim[0].dim_value = len(x)  # the converter wants a known batch
        upgraded = version_converter.convert_version(upgraded, 17)
    [expected] = ReferenceEvaluator(upgraded).run(None, {"input": x})

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    served = upgraded.SerializeToString() if opset < 7 else str(path)
    session = onnxruntime.InferenceSession(served, options, providers=["CPUExecutionProvider"])
    [y] = session.run(None, {"input": x})
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    return y
