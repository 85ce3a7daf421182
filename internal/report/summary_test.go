package report

import (
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/models"
)

// compressed is a result with all that a summary tells.
func compressed() *Result {
	kl := 0.0312
	student := classified(360, 0.9625, 0.975)
	student.KL = &kl
	return &Result{
		Schema: Schema,
		Training: Training{
			Teacher: Side{Path: "teacher.onnx", Params: 98442, MACs: 1234567, Bytes: 395190,
				Metrics: classified(360, 0.9875, 1)},
			Student: Side{Path: "student.onnx", Params: 24602, MACs: 617283, Bytes: 99001, Metrics: student},
			Engine:  "embedded", Measured: "test", Steps: 200, BestStep: 180, Batch: 64, Seconds: 12.34,
			Losses: []distill.Term{
				{Name: "ce", Weight: 0.1},
				{Name: "kd", Weight: 0.9, Outputs: []string{"logits", "boxes"}},
				{Name: "hint", Weight: 1, Pairs: []string{"a:b", "c:d"}, Refused: []string{"e:f: another size"}},
				{Name: "attn", Weight: 0.5, Unused: true},
			},
		},
		Task: "classify", Data: "digits (npy): 1437 training and 360 test samples", ImagesPerSecond: 1036.6,
		Budget: Budget{Asked: "macs=0.5x", Reached: "macs=0.500x", Met: true}, Met: true,
		Groups:    []models.Group{{Name: "conv1", Before: 16, After: 11}, {Name: "layer2.conv", Before: 128, After: 90}},
		Removed:   []models.Cut{{Node: "add3", MACs: 40960, Disturbance: 0.0123}, {Node: "conv9", Into: "conv8", MACs: 512}},
		Frozen:    []models.Reason{{Node: "nms", Op: "com.example.Nms", Why: "the op is not known"}},
		Untouched: []models.Reason{{Node: "fc", Op: "Gemm", Why: "it gives the output"}},
		Verified:  &Verification{Engine: "onnxruntime 1.30.0", Independent: true, Samples: 16, MaxRelativeError: 3.2e-6},
		Alignment: "teacher  student\nrelu1    relu1\n",
	}
}

func TestSummary(t *testing.T) {
	t.Run("compressed", func(t *testing.T) { golden(t, "compressed", compressed().Summary()) })

	t.Run("several outputs, without data", func(t *testing.T) {
		agreement, kl, l2, cosine := 0.875, 0.25, 0.125, 0.9975
		r := compressed()
		r.Teacher.Metrics, r.Measured = nil, "validation"
		r.Student.Metrics = &distill.Metrics{Samples: 204, Agreement: &agreement, KL: &kl, RelativeL2: &l2, Cosine: &cosine,
			Outputs: map[string]distill.Metrics{"logits": {Agreement: &agreement}, "boxes": {RelativeL2: &l2}}}
		r.Data, r.Groups, r.Removed, r.Frozen, r.Untouched = "2048 synthetic samples", nil, nil, nil, nil
		r.Verified.Independent, r.Student.Path = false, ""
		r.Warnings = []string{"there is no data", "the outputs differ"}
		golden(t, "without_data", r.Summary())
	})

	t.Run("regression", func(t *testing.T) {
		l2, cosine := 0.0625, 0.998
		r := &Result{Task: "regress"}
		r.Measured, r.Student.Metrics = "test", &distill.Metrics{Samples: 10, RelativeL2: &l2, Cosine: &cosine}
		golden(t, "regression", r.Summary())
	})

	t.Run("planned", func(t *testing.T) {
		r := compressed()
		r.Steps, r.Verified, r.Losses, r.Student = 0, nil, nil, Side{Params: 24602, MACs: 617283}
		golden(t, "planned", r.Summary())
	})

	t.Run("declined", func(t *testing.T) { // there is no student to tell of
		r := &Result{Declined: []models.Reason{
			{Node: "lstm", Op: "LSTM", Why: "not supported"}, {Node: "nms", Op: "Nms", Why: "unknown"},
		}}
		r.Teacher.Bytes = 1000
		golden(t, "declined", r.Summary())
	})
}

func TestThousands(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1: "-1", -999: "-999", -1000: "-1,000", -123456: "-123,456",
	} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
