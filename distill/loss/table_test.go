package loss

import (
	"slices"
	"testing"
)

// The table is in the order of names, so that steps don't depend on who was added last; every loss says where it is
// from.
func TestTable(t *testing.T) {
	var names []string
	for _, l := range Outputs() {
		names = append(names, l.Name)
		if l.Source == "" || l.Emit == nil {
			t.Errorf("%s lacks its source, or emits nothing", l.Name)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("losses on outputs are in the order %q", names)
	}
	outputs := len(names)
	for _, l := range Features() {
		names = append(names, l.Name)
		if l.Source == "" || l.Refuse == nil || l.Teacher == nil || l.Student == nil {
			t.Errorf("%s lacks its source, or a part", l.Name)
		}
	}
	if !slices.IsSorted(names[outputs:]) {
		t.Errorf("losses on feature maps are in the order %q", names[outputs:])
	}
	if !slices.Equal(names, Names()) {
		t.Errorf("names are %q: want %q", Names(), names)
	}
	for name := range Default() {
		if !slices.Contains(names, name) {
			t.Errorf("the default names %q, which there is not", name)
		}
	}
}
