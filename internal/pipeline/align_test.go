package pipeline

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/internal/shared"
)

func TestAlign(t *testing.T) {
	_, d := decided(t)
	a := d.Alignment
	if len(a.Pairs) == 0 || len(a.pairs()) == 0 || a.Similarity == nil {
		t.Fatalf("%d pairs, similarity %v", len(a.Pairs), a.Similarity)
	}
	last := a.Pairs[len(a.Pairs)-1]
	if last.Teacher != last.Student || len(last.Kept) == 0 || last.Pre == nil {
		t.Errorf("the last pair is %+v: want one value, the channels that were kept, and what its activation reads", last)
	}
	for _, p := range a.pairs() {
		if !strings.Contains(a.Table, p.Teacher) || !(p.Score > 0 && p.Score <= 1) || p.Bridge == "" {
			t.Errorf("pair %+v", p)
		}
	}
}

func TestWishes(t *testing.T) {
	j := digits(t, "macs=0.5x")
	first := decide(t, j).Alignment.Pairs[0]
	j.Wishes.NoPairs = []string{first.Teacher + ":" + first.Student}
	without := decide(t, j).Alignment.Pairs
	isFirst := func(p distill.Pair) bool { return p.Teacher == first.Teacher && p.Student == first.Student }
	if slices.ContainsFunc(without, isFirst) {
		t.Errorf("%s was to be left out: %+v", first.Teacher, without)
	}
	j.Wishes.NoPairs = []string{"none:such", "nor:this"}
	_, err := Decide(context.Background(), j, true)
	if err == nil || !strings.Contains(err.Error(), "none") || !strings.Contains(err.Error(), "nor") {
		t.Errorf("values that are not there: %v", err)
	}
}

// Without data nothing is run; with a student of its own the bindings of each model are taken.
func TestAlignWithoutData(t *testing.T) {
	j := digits(t, "macs=0.5x")
	j.Data.Train, j.Data.Test = nil, nil
	d, err := Decide(context.Background(), j, false)
	if err != nil || d.Data != nil || d.Alignment.Similarity != nil || len(d.Alignment.Pairs) == 0 {
		t.Errorf("data %v, alignment %+v, %v", d.Data, d.Alignment, err)
	}
	own := digits(t, "macs=0.5x")
	own.Student = Source{Path: shared.Testdata(t, "digits/small_folded.onnx")}
	half := own.Data.Preprocess
	half.Scale = 0.5
	own.Data.Student = &half
	if s := decide(t, own).Alignment.Similarity; s == nil || len(s.CKA) == 0 {
		t.Errorf("similarity of a student with its own preprocessing: %v", s)
	}
}
