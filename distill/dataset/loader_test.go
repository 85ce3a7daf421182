package dataset

import (
	"context"
	"testing"
)

// first is the first batch.
func first(t *testing.T, ds Dataset, o LoaderOptions) *Batch {
	t.Helper()
	l, err := NewLoader(ds, o)
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range l.Batches(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Fatal("no batches")
	return nil
}
