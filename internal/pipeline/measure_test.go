package pipeline

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill"
)

// Both models are measured on the same part, and the student against the teacher.
func TestMeasure(t *testing.T) {
	j, d := decided(t)
	f := exported(t, j, d)
	m, err := Measure(context.Background(), j, d, untrained(d), f)
	if err != nil {
		t.Fatal(err)
	}
	if m.Part != "test" || m.Student.Samples != 40 || m.Teacher.Samples != 40 {
		t.Errorf("%d and %d samples of %s", m.Student.Samples, m.Teacher.Samples, m.Part)
	}
	if m.Student.Agreement == nil || m.Student.Accuracy == nil || m.Teacher.Agreement != nil {
		t.Errorf("student %v, teacher %v: want agreement of the one, and not of the other", m.Student, m.Teacher)
	}
	same, err := Measure(context.Background(), j, d, untrained(d), teacherAsFile(t, d))
	if err != nil || *same.Student.Agreement != 1 || *same.Student.KL > 1e-6 {
		t.Errorf("the teacher as its own student: %v, %v", same.Student, err)
	}
}

// teacherAsFile is the teacher in the place of a student.
func teacherAsFile(t *testing.T, d Decision) *File {
	t.Helper()
	data, err := Source{Path: d.Teacher.Name}.Read()
	if err != nil {
		t.Fatal(err)
	}
	return &File{Graph: d.Teacher.Graph, Bytes: data, of: d.Teacher}
}

func TestCheck(t *testing.T) {
	j := digits(t, "macs=0.5x,bytes=0.9x")
	d := decide(t, j)
	f := exported(t, j, d)
	score := func(v float64) *Measured { return &Measured{Student: distill.Metrics{Accuracy: &v}} }
	for _, c := range []struct {
		name   string
		file   *File
		least  float64
		m      *Measured
		met    bool     // the budget
		notMet []string // parts of the reasons, in order
	}{
		{"all is met", f, 0.5, score(0.75), true, nil},
		{"just enough", f, 0.75, score(0.75), true, nil},
		{"too low", f, 0.9, score(0.75), true, []string{"accuracy 0.7500 is below 0.9000"}},
		{"no number", f, 0, score(math.NaN()), true, []string{"accuracy NaN"}},
		{"as large as the teacher, and too low", teacherAsFile(t, d), 0.9, score(0.1), false,
			[]string{"budget macs=0.5x", "accuracy"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j.MinScore = c.least
			got, err := Check(context.Background(), j, d, c.file, c.m)
			if err != nil {
				t.Fatal(err)
			}
			if got.Budget.Met != c.met || len(got.NotMet) != len(c.notMet) || got.Cost.MACs == 0 {
				t.Fatalf("budget %+v, not met %q", got.Budget, got.NotMet)
			}
			for i, want := range c.notMet {
				if !strings.Contains(got.NotMet[i], want) {
					t.Errorf("not met: %q, want %q", got.NotMet[i], want)
				}
			}
		})
	}
	if d.Student.Budget.Reached == "" || !d.Student.Budget.Met {
		t.Errorf("checking has changed what was decided: %+v", d.Student.Budget)
	}
}

// The maps of a student that is the one that was aligned are as alike as they were.
func TestCompare(t *testing.T) {
	j, d := decided(t)
	s, err := Compare(context.Background(), j, d, exported(t, j, d))
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range d.Alignment.Similarity.CKA {
		for k, want := range row {
			if math.Abs(s.CKA[i][k]-want) > 1e-9 { // the same weights on the same samples
				t.Fatalf("%s and %s: CKA %g, was %g", s.Teacher[i], s.Student[k], s.CKA[i][k], want)
			}
		}
	}
	d.Alignment.Similarity = nil
	if s, err := Compare(context.Background(), j, d, nil); s != nil || err != nil {
		t.Errorf("where nothing was compared before: %v, %v", s, err)
	}
}
