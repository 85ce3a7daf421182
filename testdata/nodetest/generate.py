"""Writes the official node tests of the onnx package: python generate.py FOLDER

Each is FOLDER/NAME/model.onnx with test_data_set_0/input_K.pb and output_K.pb. Tests whose inputs or outputs are no tensors are left out.
"""

import pathlib
import sys

import numpy as np

for name, plain in (("float", float), ("int", int), ("bool", bool), ("object", object)):
    if name not in np.__dict__:  # onnx 1.12 names types so that numpy 1.24 has dropped
        setattr(np, name, plain)

from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases


def tensor(value, name):
    if isinstance(value, TensorProto):
        return value
    return numpy_helper.from_array(value, name)


def main(folder):
    written = 0
    for case in collect_testcases(None):
        graph = case.model.graph
        if not all(v.type.HasField("tensor_type") for v in [*graph.input, *graph.output]):
            continue
        (inputs, outputs), *_ = case.data_sets
        to = pathlib.Path(folder, case.name)
        data = to / "test_data_set_0"
        data.mkdir(parents=True, exist_ok=True)
        (to / "model.onnx").write_bytes(case.model.SerializeToString())
        for kind, values, declared in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for k, (value, v) in enumerate(zip(values, declared)):
                (data / f"{kind}_{k}.pb").write_bytes(tensor(value, v.name).SerializeToString())
        written += 1
    print(written, "tests in", folder)


if __name__ == "__main__":
    main(sys.argv[1])
