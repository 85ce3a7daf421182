package pass_test

import (
	"cmp"
	"testing"

	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
)

// slicedMACs bounds the models that are evaluated by the reference, slowly.
const slicedMACs = 4e6

// sizes are those of symbolic extents that 48 is too small for.
var sizes = map[string]int{"sequence": 512}

// Models of others compute without some of their channels what they compute with those channels' weights zeroed.
func TestSliceSharedModels(t *testing.T) {
	compared := 0
	for _, file := range shared.SomeModels(t) {
		g, err := importer.File(file)
		if err != nil {
			continue
		}
		bind := pass.Binding{Batch: 1, Symbols: map[string]int{}}
		for _, v := range g.Inputs {
			for axis, d := range v.Shape {
				if !d.Known() && axis > 0 {
					symbol := pass.SymbolOf(v, axis)
					bind.Symbols[symbol] = cmp.Or(sizes[symbol], 48)
				}
			}
		}
		gs, err := pass.Channels(pass.Widen(g), bind)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if cost := pass.CostOf(gs.Graph); cost.MACs == 0 || cost.MACs > slicedMACs || len(cost.Uncounted) > 0 ||
			len(gs.List) == 0 {
			continue
		}
		compared++
		t.Run(shared.Name(file), func(t *testing.T) {
			keep := make([][]int, len(gs.List))
			for i, group := range gs.List {
				for channel := 0; channel < group.Channels && group.Loose == ""; channel += 2 {
					keep[i] = append(keep[i], channel)
				}
			}
			checkSlice(t, gs, keep)
		})
	}
	least := 15
	if shared.All() {
		least = 30
	}
	if compared < least {
		t.Errorf("%d models were sliced, want %d", compared, least)
	}
}
