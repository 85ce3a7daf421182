package models

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
	"github.com/ildc/ildc/internal/setting"
)

// Init says what weights a student starts from.
type Init string

// The ways to start.
const (
	Inherited Init = "inherited" // the teacher's, of the channels that are kept; the default
	Random    Init = "random"    // see [Options.Seed]
)

// Options steer the making of a student. Binding is needed where the teacher has symbolic extents; the zero value of
// everything else is good.
type Options struct {
	// Binding gives symbolic extents their sizes, for counting cost.
	Binding pass.Binding

	// Keep names nodes, by name or by output, whose width stays.
	Keep []string

	// Floor is the least part of a group's channels that stays; default 1/16.
	Floor float64

	// Multiple is what the number of channels is a multiple of, unless all are kept; default 8 from 256 channels on, 4
	// from 32, 2 from 16, else 1.
	Multiple int

	Init Init
	Seed uint64 // of random weights

	// FileBytes is the size of the teacher's file; 0 counts the elements of its constants alone.
	FileBytes int64

	// Activations gives the teacher's values of these names on a calibration batch, as far as it has them. Importance then
	// tells what the channels do on data, and the layers that read a removed channel make up for it by what the kept ones
	// tell of it. nil: importance is by weights alone, and the student's weights are the teacher's.
	Activations func(values []string) (map[string]*graph.Tensor, error)

	// Importance says what tells how much a channel matters. Gradients gives those of the teacher's loss in the values, on
	// the samples that Activations takes; only Taylor needs them.
	Importance Importance
	Gradients  func(values []string) (map[string]*graph.Tensor, error)

	// Share says how the budget is shared out over the groups of channels; default ByReconstruction where there are
	// Activations, else ByRank. BySensitivity needs Divergence, too, and measures each group three times.
	Share Share

	// Shrink says what the student has less of; by default blocks, layers and channels where a latency is limited and
	// there are Activations and Divergence, since many narrow layers take about as long as wide ones, else channels.
	// Divergence tells how far a student is from the teacher before it is trained; Depth and Both need it.
	Shrink     Shrink
	LeastCuts  int // blocks and layers that Both leaves out, at the least
	Divergence func(student *graph.Graph) (float64, error)

	// Latency measures models, for a latency budget. Found is what an earlier search ended at, which then is not done
	// again.
	Latency Latencies
	Found   *Found
}

// metadataBytes is set aside for what an exporter adds to a file.
const metadataBytes = 1024

// Student is a model made from a teacher.
type Student struct {
	Graph         *graph.Graph
	Lineage       map[string]Lineage // by the name of a value of the student
	Groups        []Group
	Untouched     []Reason // the teacher's nodes with weights whose output stays whole, and why
	Budget        Budget
	Before, After Cost  // of the teacher and of the student
	Removed       []Cut // what was left out
	Found         Found // how it was found

	gone int64 // bytes of constants that went with cuts
}

// Found is what a search for a student ended at: measured once more, it might end elsewhere.
type Found struct {
	Cuts int   `json:"cuts"` // how many, of those that disturb the least
	MACs int64 `json:"macs"` // what a search by latency limited the student to; 0 without one
}

// Group is a set of channels that shrink together.
type Group struct {
	Name   string `json:"name"`   // the first node that produces the channels
	Before int    `json:"before"` // channels of the teacher
	After  int    `json:"after"`  // of the student
}

// Reason says why a node was left alone.
type Reason struct {
	Node string `json:"node"`
	Op   string `json:"op,omitempty"`
	Why  string `json:"why"`
}

// Generate makes a student that meets the budget. The error is [ErrInfeasible] where none does.
func Generate(teacher *graph.Graph, budget Budget, o Options) (*Student, error) {
	if err := o.check(teacher); err != nil {
		return nil, err
	}
	if _, timed := budget.latency(); o.Shrink == "" && timed && o.Activations != nil && o.Divergence != nil {
		o.Shrink = Both
	}
	if o.Shrink == Depth || o.Shrink == Both {
		return shallower(teacher, budget, o)
	}
	return narrowed(teacher, teacher, budget, o)
}

// costOf counts what a teacher costs.
func costOf(teacher *graph.Graph, o Options) (Cost, error) {
	a, err := pass.Analyse(teacher, o.Binding)
	if err != nil {
		return Cost{}, fmt.Errorf("models: %w", err)
	}
	c := pass.CostOf(a)
	return Cost{MACs: c.MACs, Params: c.Params, Bytes: cmp.Or(o.FileBytes, pass.ConstantBytes(teacher))}, nil
}

func (o Options) check(teacher *graph.Graph) error {
	var errs []error
	add := func(err error) { errs = append(errs, err) }
	bad := func(format string, args ...any) { add(fmt.Errorf("models: "+format, args...)) }
	if o.Init != "" && o.Init != Inherited && o.Init != Random {
		bad("init %q: want %q or %q", o.Init, Inherited, Random)
	}
	if o.Share != "" && !slices.Contains(Shares(), o.Share) {
		add(setting.Mends(fmt.Errorf("models: sharing by %q: there are %v", o.Share, Shares()), "Share"))
	}
	if o.Shrink != "" && !slices.Contains(Shrinks(), o.Shrink) {
		add(setting.Mends(fmt.Errorf("models: shrinking %q: there are %v", o.Shrink, Shrinks()), "Shrink"))
	}
	switch {
	case o.Importance != Auto && !slices.Contains(Importances(), o.Importance):
		add(setting.Mends(fmt.Errorf("models: importance %q: there are %v", o.Importance, Importances()), "Rank"))
	case (o.Importance == Activation || o.Importance == Reconstruction) && o.Activations == nil:
		add(setting.Mends(fmt.Errorf("models: importance by %s needs data", o.Importance), "Data", "Rank"))
	case (o.Shrink == Depth || o.Shrink == Both) && (o.Activations == nil || o.Divergence == nil):
		add(setting.Mends(errors.New("models: leaving out blocks and layers needs data, "+
			"which tell how much each of them matters"), "Data", "Shrink"))
	case o.Share == BySensitivity && (o.Activations == nil || o.Divergence == nil):
		add(setting.Mends(fmt.Errorf("models: sharing by %s needs data", o.Share), "Data", "Share"))
	case o.Importance == Taylor && (o.Activations == nil || o.Gradients == nil):
		add(setting.Mends(errors.New("models: importance by Taylor expansion needs data with labels"), "Data", "Rank"))
	}
	if o.Floor < 0 || o.Floor > 1 {
		bad("floor %g: want a part between 0 and 1", o.Floor)
	}
	if o.Multiple < 0 {
		bad("multiple %d: want 1 or more", o.Multiple)
	}
	for _, name := range o.Keep {
		if !slices.ContainsFunc(teacher.Nodes, func(n *graph.Node) bool { return isNamed(n, name) }) {
			add(setting.Mends(fmt.Errorf("models: the teacher has no node %q to keep", name), "Keep"))
		}
	}
	return errors.Join(errs...)
}

func (o Options) share() Share {
	switch {
	case o.Share != "":
		return o.Share
	case o.Activations != nil:
		return ByReconstruction
	}
	return ByRank
}

func isNamed(n *graph.Node, name string) bool {
	return n.Name == name || slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool {
		return v != nil && v.Name == name
	})
}

// count measures the finished student.
func (s *Student) count(teacher *graph.Graph, o Options) error {
	a, err := pass.Analyse(s.Graph, o.Binding)
	if err != nil {
		return fmt.Errorf("models: student: %w", err)
	}
	c := pass.CostOf(a)
	s.After = Cost{c.MACs, c.Params, s.Before.Bytes - pass.ConstantBytes(teacher) + pass.ConstantBytes(s.Graph),
		s.After.Latency}
	return nil
}

// Reached tells what the student has of each measure that is limited.
func (s *Student) Reached() string { return s.Budget.reached(s.Before, s.After) }

// Check tells what a student that was measured has of each measure that is limited, and whether it meets the budget:
// bytes is the size of its file, the teacher's is [Options.FileBytes]; latencies are the teacher's and the student's,
// measured in turns, 0 where they are not limited.
func (s *Student) Check(macs, params, bytes int64, teacher, student time.Duration) (reached string, met bool) {
	whole, c := s.Before, Cost{macs, params, bytes, student}
	whole.Latency = teacher
	return s.Budget.reached(whole, c), s.Budget.met(whole, c)
}
