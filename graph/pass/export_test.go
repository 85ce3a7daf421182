package pass

import (
	"fmt"
	"slices"

	"github.com/ildc/ildc/graph"
)

// CheckPasses takes an imported graph through all phases, as what trains and what analyses do, and checks its
// invariants after every pass.
func CheckPasses(imported *graph.Graph, bind Binding) error {
	normal, err := checkPhase(normalisation, &work{graph: imported})
	if err != nil {
		return err
	}
	if _, err := checkPhase(analysis, &work{graph: imported, bind: bind}); err != nil {
		return err
	}
	static, err := checkPhase(specialisation, &work{graph: normal, bind: bind})
	if err != nil {
		return err
	}
	form, err := checkPhase(training, &work{graph: static, running: map[string]string{}})
	if err != nil {
		return err
	}
	_, err = checkPhase(lowering, &work{graph: form})
	return err
}

func checkPhase(p phase, w *work) (*graph.Graph, error) {
	for _, pass := range passes {
		if !slices.Contains(pass.phases, p) {
			continue
		}
		if err := pass.run(w); err != nil {
			return nil, err
		}
		if err := w.graph.Check(); err != nil {
			return nil, fmt.Errorf("after %q: %w", pass.name, err)
		}
	}
	return w.graph, nil
}
