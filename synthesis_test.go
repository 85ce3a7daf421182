package ildc_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ildc/ildc"
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/internal/shared"
)

// TestMadeInputs compresses without data: inputs are made once, and come from the cache then; the same student results.
func TestMadeInputs(t *testing.T) {
	shared.Long(t)
	cache := t.TempDir()
	compress := func() (*ildc.Result, int, error) {
		made := 0
		r, err := ildc.Compress(context.Background(), ildc.Options{
			Teacher: ildc.File("testdata/digits/small.onnx"), Data: ildc.Data{Synthetic: 40, Cache: cache},
			Train: distill.Options{Steps: 2, Batch: 8}, Progress: func(p distill.Progress) {
				if p.Phase == "synthesising" {
					made++
				}
			}})
		return r, made, err
	}
	first, made, err := compress()
	if err != nil {
		t.Fatal(err)
	}
	if made == 0 || len(first.Warnings) == 0 || !strings.Contains(first.Data, "batch norm") {
		t.Errorf("%d steps made inputs; data: %q, warnings: %q", made, first.Data, first.Warnings)
	}
	again, made, err := compress()
	if err != nil {
		t.Fatal(err)
	}
	if made != 0 || !bytes.Equal(first.Model, again.Model) {
		t.Errorf("%d steps made inputs anew; the same student: %v", made, bytes.Equal(first.Model, again.Model))
	}
	files, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the cache has %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := compress(); err == nil || !strings.Contains(err.Error(), files[0]) {
		t.Errorf("a damaged cache gives %v", err)
	}
}
