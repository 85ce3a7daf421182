package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// golden compares a text with that of a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	is, was := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range is {
		if i >= len(was) || is[i] != was[i] {
			t.Fatalf("line %d of %s, which -update rewrites, is now\n%s\n\nall of it:\n%s", i+1, file, is[i], got)
		}
	}
	t.Fatalf("%s, which -update rewrites, is longer than\n%s", file, got)
}

// classified is metrics of one output that classifies.
func classified(samples int, accuracy, agreement float64) *distill.Metrics {
	return &distill.Metrics{Samples: samples, Accuracy: &accuracy, Agreement: &agreement}
}
