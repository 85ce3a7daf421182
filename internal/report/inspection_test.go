package report

import "testing"

func TestInspectionText(t *testing.T) {
	i := &Inspection{
		Side:    Side{Params: 98442, MACs: 1234567, Bytes: 395190},
		Inputs:  []Tensor{{Name: "image", DType: "float32", Shape: "[N 1 8 8]"}},
		Outputs: []Tensor{{Name: "logits", DType: "float32", Shape: "[N 10]"}, {Name: "class", DType: "int64", Shape: "[N]"}},
		Opsets:  map[string]int64{"ai.onnx.ml": 3, "": 17, "com.example": 1},
		Nodes: []NodeInfo{
			{Name: "conv1", Op: "Conv", Shape: "[1 16 8 8]", MACs: 9216, Params: 160, Runs: true, Trains: true, Shrink: true},
			{Name: "nms", Op: "com.example.Nms", Shape: "?"},
		},
	}
	golden(t, "inspection", i.Text())
}
