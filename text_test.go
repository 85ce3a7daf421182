package ildc_test

import (
	"bufio"
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
)

// The tokens that testdata/text/make_teacher.py gives names of their own, by their line in the vocabulary, and how
// many of a sentence are read: the teacher learned from 40.
const (
	padToken, startToken, unknownToken = 0, 1, 2
	sentenceLength                     = 16
)

// sentences reads the first n sentences of a part of SST-2 as the teacher's inputs.
func sentences(t *testing.T, part string, n int) dataset.Dataset {
	t.Helper()
	text, err := os.ReadFile(shared.File(t, "data/sst2/"+part+".tsv"))
	if err != nil {
		t.Fatal(err)
	}
	words, err := os.ReadFile("testdata/text/vocabulary.txt")
	if err != nil {
		t.Fatal(err)
	}
	token := map[string]int64{}
	for i, word := range strings.Split(strings.TrimSpace(string(words)), "\n") {
		token[word] = int64(i)
	}
	var ids, mask []int64
	var labels []int
	for lines := bufio.NewScanner(strings.NewReader(string(text))); len(labels) < n && lines.Scan(); {
		sentence, label, _ := strings.Cut(lines.Text(), "\t")
		row, seen := make([]int64, sentenceLength), make([]int64, sentenceLength)
		row[0], seen[0] = startToken, 1
		for i, word := range strings.Fields(sentence)[:min(sentenceLength-1, len(strings.Fields(sentence)))] {
			row[i+1], seen[i+1] = unknownToken, 1
			if n, ok := token[word]; ok {
				row[i+1] = n
			}
		}
		class, err := strconv.Atoi(label)
		if err != nil {
			t.Fatal(err)
		}
		ids, mask, labels = append(ids, row...), append(mask, seen...), append(labels, class)
	}
	dims := []int{len(labels), sentenceLength}
	d, err := dataset.FromTensors(labels,
		dataset.Array{Name: "input_ids", Tensor: graph.FromInt64(dims, ids)},
		dataset.Array{Name: "attention_mask", Tensor: graph.FromInt64(dims, mask)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestText compresses a transformer that reads token numbers and a mask to less than half in depth and width, taught by
// hidden states, scores and value relations.
func TestText(t *testing.T) {
	shared.Long(t)
	r, err := ildc.Compress(context.Background(), ildc.Options{
		Teacher: ildc.File("testdata/text/teacher.onnx"), Budget: "macs=0.3x", Shrink: "both",
		Data: ildc.Data{Train: sentences(t, "train", 600), Test: sentences(t, "test", 300)},
		Train: distill.Options{Steps: 20, Batch: 16, EvalEvery: 10,
			Losses: loss.Weights{"kd": 1, "hint": 1, "attn": 1, "relation": 1}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range r.Losses {
		if l.Unused || len(l.Refused) > 0 {
			t.Errorf("loss %s: %+v", l.Name, l)
		}
	}
	if len(r.Removed) == 0 {
		t.Error("no layer was left out")
	}
	// What was cut out of the teacher, and 20 steps, were measured to leave an agreement of 0.997, the teacher's accuracy,
	// and a relative L2 of 0.07 on what was trained on; on 300 sentences agreement deviates by 0.003, accuracy by 0.025.
	m := r.Student.Metrics
	if !r.Met || *m.Agreement < 0.97 || *m.Accuracy < *r.Teacher.Metrics.Accuracy-0.06 || *r.Best.RelativeL2 > 0.1 {
		t.Errorf("agreement %.3f, accuracy %.3f of %.3f; relative L2 on validation %.3f before and %.3f after; budget %+v",
			*m.Agreement, *m.Accuracy, *r.Teacher.Metrics.Accuracy, *r.Before.RelativeL2, *r.Best.RelativeL2, r.Budget)
	}
}
