package setting

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestFields(t *testing.T) {
	base := errors.New("base")
	memory := Mends(fmt.Errorf("too little: %w", base), "Batch", "Force")
	for _, c := range []struct {
		name string
		err  error
		want []string
	}{
		{"none", base, nil},
		{"nil", nil, nil},
		{"itself", memory, []string{"Batch", "Force"}},
		{"wrapped", fmt.Errorf("run: %w", memory), []string{"Batch", "Force"}},
		{"joined", errors.Join(base, memory, Mends(base, "Force", "Scale")), []string{"Batch", "Force", "Scale"}},
		{"wrapped again", Mends(fmt.Errorf("run: %w", memory), "Memory"), []string{"Memory", "Batch", "Force"}},
	} {
		if got := Fields(c.err); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if !errors.Is(memory, base) || memory.Error() != "too little: base" {
		t.Errorf("the error has changed: %v", memory)
	}
	if Mends(nil, "Batch") != nil {
		t.Error("no error has become one")
	}
}
