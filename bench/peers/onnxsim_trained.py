"""onnxsim: structured pruning of the teacher with batch norm folded, then distillation of logits by its training steps on ONNX Runtime.

Channels are ranked by weight times activation norm (Wanda); the least part of them goes that meets the budget. The graph of the student and
KL at temperature 4 is trained as compile_training_loop does, by Adam, all weights and biases. That loop has neither clipping nor weight
decay.
"""

import copy
import time

import numpy as np
import onnx
import onnxruntime
import onnxsim
from onnx import helper, numpy_helper

import common

TEMPERATURE = 4
CALIBRATION_BATCHES = 8


def on_one_thread():
    """onnxsim gives no way to say how many threads its sessions have."""
    make = onnxruntime.SessionOptions

    def options():
        o = make()
        o.intra_op_num_threads = o.inter_op_num_threads = 1
        return o

    onnxruntime.SessionOptions = options


def sized(model, batch):
    """The model for batches of that size, or of any."""
    model = copy.deepcopy(model)
    for v in [*model.graph.input, *model.graph.output]:
        dim = v.type.tensor_type.shape.dim[0]
        dim.Clear()
        if batch:
            dim.dim_value = batch
        else:
            dim.dim_param = "batch"
    del model.graph.value_info[:]
    return model


def prune(model, budget, batches):
    """The student, by the least sparsity in thousandths that leaves at most that part of the multiply-adds."""
    name, most = model.graph.input[0].name, budget * common.macs(model)
    data = [{name: x} for x in batches]
    low, high = 0, 999
    while low + 1 < high:
        middle = (low + high) // 2
        student = onnxsim.apply_structured_wanda_pruning(model, calibration_data=data, sparsity=middle / 1000)
        low, high = (low, middle) if common.macs(student) <= most else (middle, high)
    return onnxsim.apply_structured_wanda_pruning(model, calibration_data=data, sparsity=high / 1000)


def with_loss(model, batch):
    """The model with the input "wanted" [batch,10], the teacher's softened probabilities, and the output "loss"."""
    model = sized(model, batch)
    for n in model.graph.node:
        if n.op_type == "Flatten":  # has no gradient there
            n.op_type = "Reshape"
            n.ClearField("attribute")
            n.input.append("flat")
    logits = model.graph.output[0]
    classes = logits.type.tensor_type.shape.dim[1].dim_value
    constants = {"flat": np.array([batch, -1]), "temperature": np.float32(TEMPERATURE), "scale": np.float32(-(TEMPERATURE**2) / batch)}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    model.graph.input.append(helper.make_tensor_value_info("wanted", onnx.TensorProto.FLOAT, [batch, classes]))
    model.graph.node.extend([
        helper.make_node("Div", [logits.name, "temperature"], ["softened"]),
        helper.make_node("Softmax", ["softened"], ["probabilities"], axis=-1),
        helper.make_node("Log", ["probabilities"], ["logarithms"]),
        helper.make_node("Mul", ["logarithms", "wanted"], ["products"]),
        helper.make_node("ReduceSum", ["products"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "scale"], ["loss"])])
    model.graph.output.append(helper.make_tensor_value_info("loss", onnx.TensorProto.FLOAT, []))
    model.opset_import[0].version = 17  # that of its step graphs; these ops mean the same there
    return model


def filled(model, values):
    """The model with other initializers."""
    model = copy.deepcopy(model)
    for t in model.graph.initializer:
        if t.name in values:
            t.CopyFrom(numpy_helper.from_array(values[t.name], t.name))
    return model


def distilled(a, images, teacher, student):
    name = student.graph.input[0].name
    names = [t.name for t in student.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    loop = onnxsim.compile_training_loop(with_loss(student, a.batch), "loss", names)

    def step(x, wanted, rate):
        return loop({name: x, "wanted": common.softmax(wanted / TEMPERATURE)}, lr=rate)

    def now():
        return {k: np.array(v) for k, v in loop.parameters().items()}

    loop.initial_state  # compiles it
    before, best, state = common.fit(a, images, teacher, step, lambda: common.session(filled(student, now())), now)
    return before, best, filled(student, state)


def main():
    a = common.arguments(__doc__, ["onnxsim"])
    on_one_thread()
    images = common.Images(a)
    start = time.perf_counter()
    path = a.teachers / "resnet20_cifar10_folded.onnx"
    reference, teacher = onnx.load(path), common.session(str(path))
    student = prune(reference, a.budget, images.batches(CALIBRATION_BATCHES))
    before, best, student = distilled(a, images, teacher, student)
    seconds = time.perf_counter() - start
    onnx.save(student, a.student)
    common.report(a, images, path, f"onnxsim {onnxsim.__version__}, onnxruntime {onnxruntime.__version__}", seconds, a.steps, before, best)


if __name__ == "__main__":
    main()
