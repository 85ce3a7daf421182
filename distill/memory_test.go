package distill

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestMemory(t *testing.T) {
	need := func(batch int) int64 {
		t.Helper()
		j := job(t)
		o := j.Options.withDefaults()
		o.Batch = batch
		s, err := j.assemble(o)
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := s.stepMemory()
		if err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	for _, c := range []struct {
		name   string
		memory int64
		force  bool
		says   string // of the error; "" for none
	}{
		{"not checked", 0, false, ""},
		{"just enough", need(16), false, ""},
		{"a byte too little", need(16) - 1, false, "batches of 15 or less fit"},
		{"enough for half", need(8), false, "batches of 8 or less fit"},
		{"for one", need(1), false, "batches of 1 or less fit"},
		{"not even for one", need(1) - 1, false, "a batch of 1 does not fit either"},
		{"forced", need(1) - 1, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := job(t)
			var log bytes.Buffer
			j.Memory, j.Force, j.Logger = c.memory, c.force, slog.New(slog.NewTextHandler(&log, nil))
			j.Options.Steps = 1
			_, err := j.Run(context.Background())
			refused := errors.Is(err, ErrMemory) && strings.Contains(err.Error(), c.says)
			if c.says == "" && err != nil || c.says != "" && !refused {
				t.Errorf("error %v, want %q", err, c.says)
			}
			if needs := "batch 16 needs about " + size(need(16)); c.says != "" && !strings.Contains(err.Error(), needs) {
				t.Errorf("error %v, want %q", err, needs)
			}
			if warned := strings.Contains(log.String(), "more memory than there is"); warned != c.force {
				t.Errorf("warned: %v, want %v", warned, c.force)
			}
		})
	}
}

// A larger batch needs more for its activations, and no more for weights and state.
func TestMemoryGrowsWithTheBatch(t *testing.T) {
	j := job(t)
	var needs []int64
	for _, batch := range []int{1, 100, 200} {
		o := j.Options.withDefaults()
		o.Batch = batch
		s, err := j.assemble(o)
		if err != nil {
			t.Fatal(err)
		}
		need, err := s.stepMemory()
		if err != nil {
			t.Fatal(err)
		}
		needs = append(needs, need)
	}
	if first, second := needs[1]-needs[0], needs[2]-needs[1]; first <= 0 || second < first || second > 2*first {
		t.Errorf("batches of 1, 100 and 200 need %v bytes", needs)
	}
}
