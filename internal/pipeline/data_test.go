package pipeline

import (
	"context"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/distill/dataset"
	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/shared"
)

// empty is a dataset of no samples.
type empty struct{ dataset.Dataset }

func (empty) Len() int { return 0 }

// digitInputs are those of the small teacher.
func digitInputs(t *testing.T) Inputs {
	t.Helper()
	m, err := Load(Source{Path: shared.Testdata(t, "digits/small.onnx")})
	if err != nil {
		t.Fatal(err)
	}
	return Inputs{Teacher: m.Graph, Student: m.Graph}
}

func TestOpen(t *testing.T) {
	to, path := digitInputs(t), shared.Testdata(t, "digits/data")
	half := dataset.Preprocess{Scale: 0.5}
	forty, seven := images(t, 40), images(t, 7)
	for _, c := range []struct {
		name                    string
		s                       dataset.Source
		whole                   bool
		train, validation, test int // samples; test 0: none
		bindings                int
		part, about             string
	}{
		{"a folder", dataset.Source{Path: path}, false, 1293, 144, 360, 1, "test", "1437 training and 360 test"},
		{"half of it", dataset.Source{Train: forty, Validation: 0.5}, false, 20, 20, 0, 1, "validation", "40 samples given"},
		{"a tenth with a test part", dataset.Source{Train: forty, Test: seven, Validation: 0.1}, false, 36, 4, 7, 1, "test",
			"40 samples given"},
		{"few with a test part", dataset.Source{Train: forty, Test: seven}, false, 40, 40, 7, 1, "test", "40 samples given"},
		{"few", dataset.Source{Train: forty}, false, 40, 40, 0, 1, "training", ""},
		{"an empty test part", dataset.Source{Train: forty, Test: empty{seven}}, false, 40, 40, 0, 1, "training", ""},
		{"whole", dataset.Source{Train: forty, Test: seven}, true, 40, 40, 0, 1, "training", ""},
		{"whole, all of it in the test part", dataset.Source{Train: empty{forty}, Test: seven}, true, 7, 7, 0, 1,
			"training", ""},
		{"a student of its own", dataset.Source{Train: forty, Student: &half, Validation: 0.1}, false, 36, 4, 0, 2,
			"validation", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Open(context.Background(), Samples{Source: c.s, Whole: c.whole}, to, 0)
			if err != nil {
				t.Fatal(err)
			}
			tested := 0
			if d.Test != nil {
				tested = d.Test.Len()
			}
			if d.Train.Len() != c.train || d.Validation.Len() != c.validation || tested != c.test {
				t.Errorf("%d, %d and %d samples", d.Train.Len(), d.Validation.Len(), tested)
			}
			if _, part := d.measured(); part != c.part || !strings.Contains(d.About, c.about) || !d.real() ||
				(d.Warning != "") != (part == "training" && !c.whole) {
				t.Errorf("measured on %s, about %q, warning %q", part, d.About, d.Warning)
			}
			if len(d.Bindings) != c.bindings || d.binding(true).Prefix != "" {
				t.Errorf("%d bindings, that of the student by itself has prefix %q", len(d.Bindings), d.binding(true).Prefix)
			}
			if c.bindings == 2 && d.Bindings[1].Prefix != distill.StudentPrefix {
				t.Error("asking for the binding of the student by itself has changed the binding")
			}
		})
	}
	scored := Samples{Source: dataset.Source{Train: forty}, Scored: true}
	if d, err := Open(context.Background(), scored, to, 0); err != nil || !d.HeldOut || d.Train.Len() != 36 {
		t.Errorf("nothing is held out for a score: %+v, %v", d, err)
	}
	both := Samples{Source: dataset.Source{Path: path, Train: images(t, 4)}}
	if _, err := Open(context.Background(), both, to, 0); err == nil {
		t.Error("a path and a dataset are accepted")
	}
	for _, whole := range []bool{false, true} {
		none := Samples{Source: dataset.Source{Train: empty{images(t, 1)}}, Whole: whole}
		if _, err := Open(context.Background(), none, to, 0); err == nil {
			t.Errorf("whole: %v: data without samples are accepted", whole)
		}
	}
}

// The seed, and nothing else, decides what is for validation.
func TestOpenSplitsBySeed(t *testing.T) {
	to, s := digitInputs(t), Samples{Source: dataset.Source{Train: images(t, 40), Validation: 0.1}}
	fingerprint := func(seed uint64) string {
		d, err := Open(context.Background(), s, to, seed)
		if err != nil {
			t.Fatal(err)
		}
		id, err := dataset.Fingerprint(d.Validation)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first, again := fingerprint(1), fingerprint(1)
	if first != again || first == fingerprint(2) {
		t.Error("the same seed gives another part, or another seed the same")
	}
}

// Data tell the sizes of symbolic extents; what is given overrules them, and made-up data need it.
func TestSymbols(t *testing.T) {
	to := digitInputs(t)
	x := *to.Teacher.Inputs[0]
	x.Shape = graph.Shape{graph.Sym("batch"), graph.D(1), graph.Sym("height"), graph.D(8)}
	to.Teacher = graph.New("symbolic")
	to.Teacher.Inputs = []*graph.Value{&x}
	d, err := Open(context.Background(), Samples{Source: dataset.Source{Train: images(t, 20)}}, to, 0)
	if err != nil || d.Symbols["height"] != 8 {
		t.Errorf("symbols %v, %v", d.Symbols, err)
	}
	made, err := makeUp(Samples{Source: dataset.Source{Synthetic: 10, Symbols: map[string]int{"height": 6}}}, to, 0)
	if err != nil || made.Symbols["height"] != 6 || made.Train.Len()+made.Validation.Len() != 10 {
		t.Fatalf("made up: %+v, %v", made, err)
	}
	if made.real() || made.Warning == "" {
		t.Error("data that were made up count as real")
	}
	if x.Shape[2].Known() {
		t.Error("the model's input was bound")
	}
	if _, err := makeUp(Samples{}, to, 0); err == nil {
		t.Error("data are made up for an extent of unknown size")
	}
}

func TestOpenOrMakeUp(t *testing.T) {
	to := digitInputs(t)
	for _, s := range []Samples{{}, {Source: dataset.Source{Train: images(t, 10)}}} {
		d, err := OpenOrMakeUp(context.Background(), s, to, 0)
		if err != nil || d.real() != s.Given() {
			t.Errorf("given: %v, real: %v, %v", s.Given(), d.real(), err)
		}
	}
}
