package ildc

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/models"
)

// TestMadeInputs compresses without data: inputs are made once, and come from the cache then; the same student results.
func TestMadeInputs(t *testing.T) {
	cache := t.TempDir()
	compress := func() (*Result, int, error) {
		made := 0
		r, err := Compress(context.Background(), Options{Teacher: File("testdata/digits/teacher.onnx"), Data: Data{Synthetic: 40, Cache: cache},
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

// TestSearchIsKept: a resumed run goes on with the student that the search by latency ended at, and another job's search is not taken.
func TestSearchIsKept(t *testing.T) {
	p := &plan{options: Options{Checkpoint: t.TempDir(), Resume: true}, teacher: &loaded{sha256: "abc"}, generated: &models.Student{Found: models.Found{Cuts: 2, MACs: 1234}}}
	if found, err := p.searched("latency=0.5x"); found != nil || err != nil {
		t.Errorf("before any search: %+v, %v", found, err)
	}
	if err := p.keepSearch("latency=0.5x"); err != nil {
		t.Fatal(err)
	}
	if found, err := p.searched("latency=0.5x"); found == nil || *found != p.generated.Found || err != nil {
		t.Errorf("after it: %+v, %v", found, err)
	}
	if found, err := p.searched("latency=0.6x"); found != nil || err != nil {
		t.Errorf("for another budget: %+v, %v", found, err)
	}
	p.options.Resume = false
	if found, err := p.searched("latency=0.5x"); found != nil || err != nil {
		t.Errorf("where nothing is resumed: %+v, %v", found, err)
	}
}
