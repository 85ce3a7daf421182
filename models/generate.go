package models

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/graph/pass"
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

	// Shrink says what the student has less of; by default blocks, layers and channels where a latency is limited and
	// there are Activations and Divergence, since many narrow layers take about as long as wide ones, else channels.
	// Divergence tells how far a student is from the teacher before it is trained; Depth and Both need it.
	Shrink     Shrink
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

// narrowed removes channels, unless only depth is to shrink, of a base that is the teacher or what is left of it.
func narrowed(teacher, base *graph.Graph, budget Budget, o Options) (*Student, error) {
	gs, err := pass.Channels(base, o.Binding)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	s := &Student{Budget: budget}
	if s.Before, err = costOf(teacher, o); err != nil {
		return nil, err
	}
	s.gone = pass.ConstantBytes(teacher) - pass.ConstantBytes(base)
	for _, f := range gs.Fixed {
		s.Untouched = append(s.Untouched, Reason{gs.NameOf(f.Node), f.Node.OpName(), f.Why})
	}
	s.Untouched = slices.Compact(s.Untouched) // parts of one node
	if o.Shrink == Depth {
		gs.List = nil
	}
	s.exclude(gs, o.Keep)
	readers := findReaders(gs)
	activations, err := o.values(readers, o.Activations)
	if err != nil {
		return nil, fmt.Errorf("models: activations: %w", err)
	}
	var gradients map[string]*graph.Tensor
	if o.Importance == Taylor {
		if gradients, err = o.values(readers, o.Gradients); err != nil {
			return nil, fmt.Errorf("models: gradients: %w", err)
		}
	}
	score, err := importance(gs, readers, o.Importance, activations, gradients)
	if err != nil {
		return nil, err
	}
	var keep [][]int
	var sliced *pass.Sliced
	made := func(limits Budget) (_ *graph.Graph, err error) {
		if keep, err = s.choose(gs, score, limits, o); err != nil {
			return nil, err
		}
		if sliced, err = gs.Slice(keep); err != nil {
			return nil, fmt.Errorf("models: %w", err)
		}
		return sliced.Graph, nil
	}
	capped := func(macs int64) (*graph.Graph, error) {
		return made(append(budget.counted(), Limit{Measure: MACs, Value: float64(macs)}))
	}
	switch limit, timed := budget.latency(); {
	case !timed:
		_, err = made(budget)
	case o.Found != nil:
		s.Found.MACs = o.Found.MACs
		_, err = capped(o.Found.MACs)
	default:
		err = s.within(limit, teacher, capped, o.Latency)
	}
	if err != nil {
		return nil, err
	}
	s.Graph = sliced.Graph
	for i, group := range gs.List {
		s.Groups = append(s.Groups, Group{group.Name, group.Channels, len(keep[i])})
	}
	s.Lineage = lineage(gs, sliced)
	if activations != nil && o.Init != Random {
		if err := compensate(gs, sliced, readers, activations); err != nil {
			return nil, err
		}
	}
	if o.Init == Random {
		randomise(s.Graph, gs, o.Seed)
	}
	return s, s.count(teacher, o)
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
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("models: "+format, args...)) }
	if o.Init != "" && o.Init != Inherited && o.Init != Random {
		bad("init %q: want %q or %q", o.Init, Inherited, Random)
	}
	if o.Shrink != "" && !slices.Contains(Shrinks(), o.Shrink) {
		bad("shrinking %q: there are %v", o.Shrink, Shrinks())
	}
	switch {
	case o.Importance != Auto && !slices.Contains(Importances(), o.Importance):
		bad("importance %q: there are %v", o.Importance, Importances())
	case o.Importance == Activation && o.Activations == nil:
		bad("importance by activation needs data")
	case (o.Shrink == Depth || o.Shrink == Both) && (o.Activations == nil || o.Divergence == nil):
		bad("leaving out blocks and layers needs data, which tell how much each of them matters")
	case o.Importance == Taylor && (o.Activations == nil || o.Gradients == nil):
		bad("importance by Taylor expansion needs data with labels")
	}
	if o.Floor < 0 || o.Floor > 1 {
		bad("floor %g: want a part between 0 and 1", o.Floor)
	}
	if o.Multiple < 0 {
		bad("multiple %d: want 1 or more", o.Multiple)
	}
	for _, name := range o.Keep {
		if !slices.ContainsFunc(teacher.Nodes, func(n *graph.Node) bool { return isNamed(n, name) }) {
			bad("the teacher has no node %q to keep", name)
		}
	}
	return errors.Join(errs...)
}

// values asks for what the readers read, or for gradients in it; nil where there is no calibration.
func (o Options) values(readers []reader,
	of func([]string) (map[string]*graph.Tensor, error)) (map[string]*graph.Tensor, error) {
	if of == nil {
		return nil, nil
	}
	var names []string
	for _, r := range readers {
		if !slices.Contains(names, r.x.Value.Name) {
			names = append(names, r.x.Value.Name)
		}
	}
	if names == nil {
		return nil, nil
	}
	return of(names)
}

func isNamed(n *graph.Node, name string) bool {
	return n.Name == name || slices.ContainsFunc(n.Outputs, func(v *graph.Value) bool {
		return v != nil && v.Name == name
	})
}

// exclude drops the groups that reach the outputs of nodes that are to be kept.
func (s *Student) exclude(gs *pass.Groups, keep []string) {
	gs.List = slices.DeleteFunc(gs.List, func(group *pass.Group) bool {
		asked := slices.ContainsFunc(group.Axes, func(a pass.GroupAxis) bool {
			n := a.Value.Producer
			return n != nil && slices.ContainsFunc(keep, func(name string) bool { return isNamed(n, name) })
		})
		if asked {
			for _, n := range group.Producers {
				s.Untouched = append(s.Untouched, Reason{pass.NodeName(n), n.OpName(), "it was asked to be kept"})
			}
		}
		return asked
	})
}

// choose finds the channels that stay within limits that can be counted.
func (s *Student) choose(gs *pass.Groups, importance [][]float64, limits Budget, o Options) (keep [][]int, err error) {
	floor := o.Floor
	if floor == 0 {
		floor = 1. / 16
	}
	w := &widthSearch{groups: gs.List, importance: importance}
	whole := make([]int, len(gs.List))
	loose := false
	for i, group := range gs.List {
		whole[i] = group.Channels
		allowed := whole[i : i+1]
		if loose = loose || group.Loose != ""; group.Loose == "" {
			allowed = allowedWidths(group, o.Multiple, floor)
		}
		w.allowed = append(w.allowed, allowed)
		w.pooled = append(w.pooled, w.importance[i]...)
	}
	slices.SortFunc(w.pooled, func(a, b float64) int { return cmp.Compare(b, a) })

	model := gs.CostModel()
	// what of the file does not shrink
	model.Cost(whole)
	rest := max(0, s.Before.Bytes-s.gone-model.Bytes())
	if o.FileBytes > 0 {
		rest += metadataBytes
	}
	cost := func(widths []int) Cost {
		c := model.Cost(widths)
		return Cost{c.MACs, c.Params, model.Bytes() + rest, s.Before.Latency}
	}
	w.fits = func(widths []int) bool {
		return limits.met(s.Before, cost(widths))
	}
	widths, ok := whole, limits.met(s.Before, s.Before) || w.fits(whole)
	if !ok {
		widths, ok = w.run()
	}
	if !ok && loose { // what changes the rest shrinks only where nothing else will do
		for i, group := range gs.List {
			w.allowed[i] = allowedWidths(group, o.Multiple, floor)
		}
		widths, ok = w.run()
	}
	if !ok {
		return nil, s.infeasible(limits, cost(widths), len(gs.List))
	}
	keep = make([][]int, len(widths))
	for i, n := range widths {
		keep[i] = most(w.importance[i], n)
	}
	return keep, nil
}

// infeasible is the error for a budget below the smallest student.
func (s *Student) infeasible(limits Budget, smallest Cost, groups int) error {
	for _, l := range limits {
		if l.Ratio && s.Before.of(l.Measure) == 0 {
			return fmt.Errorf("models: %w: %s asked, and the teacher has no %s that can be counted", ErrInfeasible, l, l.Measure)
		}
	}
	err := fmt.Errorf("models: %w: %s asked, the smallest reachable is %s", ErrInfeasible, limits,
		limits.reached(s.Before, smallest))
	if groups > 0 {
		return err
	}
	var left []string
	for _, u := range s.Untouched {
		left = append(left, fmt.Sprintf("\n  node %s (%s): %s", u.Node, u.Op, u.Why))
	}
	return fmt.Errorf("%w: %w%s", err, ErrWhole, strings.Join(left, ""))
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
