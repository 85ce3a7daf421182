package models_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/importer"
	"github.com/ildc/ildc/internal/shared"
	"github.com/ildc/ildc/models"
)

// bindAll binds the batch to 1 and any other symbolic extent to 64.
func bindAll(g *graph.Graph) pass.Binding {
	b := pass.Binding{Batch: 1, Symbols: map[string]int{}}
	for _, v := range g.Inputs {
		for axis, d := range v.Shape {
			if !d.Known() && axis > 0 {
				b.Symbols[d.Symbol] = 64
			}
		}
	}
	return b
}

// Models of others are halved, as far as they are accepted. ILDC_TABLE=1 prints a table.
func TestSharedModels(t *testing.T) {
	var table strings.Builder
	planned := 0
	for _, file := range shared.SomeModels(t) {
		name := shared.Name(file)
		outcome := func() string {
			g, err := importer.File(file)
			if err != nil {
				return "declined by the importer: " + firstLine(err)
			}
			budget, err := models.ParseBudget("macs=0.5x")
			if err != nil {
				t.Fatal(err)
			}
			s, err := models.Generate(g, budget, models.Options{Binding: bindAll(g)})
			switch {
			case errors.Is(err, models.ErrInfeasible):
				return "infeasible: " + firstLine(err)
			case err != nil:
				return "error: " + firstLine(err)
			}
			planned++
			if s.Before.MACs == 0 {
				t.Errorf("%s: a plan without MACs", name)
			}
			if 2*s.After.MACs > s.Before.MACs {
				t.Errorf("%s: %s", name, s.Reached())
			}
			shrunk := 0
			for _, group := range s.Groups {
				if group.After < group.Before {
					shrunk++
				}
			}
			return fmt.Sprintf("%s of %d MACs, %d of %d groups, %d nodes left alone", s.Reached(), s.Before.MACs, shrunk,
				len(s.Groups), len(s.Untouched))
		}()
		fmt.Fprintf(&table, "%-32s %s\n", name, outcome)
	}
	if os.Getenv("ILDC_TABLE") != "" {
		t.Logf("%d planned\n%s", planned, table.String())
	}
	least := 22
	if shared.All() {
		least = 55
	}
	if planned < least {
		t.Errorf("%d models are planned, want %d:\n%s", planned, least, table.String())
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
