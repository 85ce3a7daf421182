package dataset

import (
	"context"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

func TestOpenCSV(t *testing.T) {
	tests := []struct {
		name, file, content, label string
		dtype                      graph.DType
		rows                       [][]float64
		labels                     []int
		classes                    []string
	}{
		{"header, class in the last column", "d.csv", "a,b,class\n1.5,2,0\n3,4,2\n", "",
			graph.Float32, [][]float64{{1.5, 2}, {3, 4}}, []int{0, 2}, nil},
		{"no header, class by name in words", "d.csv", "1, 2.5, cat\n3, 4, ant\n", "",
			graph.Float32, [][]float64{{1, 2.5}, {3, 4}}, []int{1, 0}, []string{"ant", "cat"}},
		{"class by number", "d.csv", "1,0.5,0.25\n0,4,8\n", "0",
			graph.Float32, [][]float64{{0.5, 0.25}, {4, 8}}, []int{1, 0}, nil},
		{"class by name, tabs", "d.tsv", "a\ty\tb\n1\tno\t2\n3\tyes\t4\n", "y",
			graph.Int64, [][]float64{{1, 2}, {3, 4}}, []int{0, 1}, []string{"no", "yes"}},
		{"no class", "d.csv", "1,2\n3,4\n", noColumn,
			graph.Int64, [][]float64{{1, 2}, {3, 4}}, []int{NoLabel, NoLabel}, nil},
		{"classes of both signs", "d.csv", "1,-1\n2,1\n", "",
			graph.Int64, [][]float64{{1}, {2}}, []int{0, 1}, []string{"-1", "1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string][]byte{test.file: []byte(test.content)})
			d, err := Open(context.Background(), filepath.Join(dir, test.file), Options{Holdout: 1, Label: test.label})
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Test.Spec(); got.Features[0].DType != test.dtype || !reflect.DeepEqual(got.ClassNames, test.classes) {
				t.Errorf("spec %+v: want %v and classes %q", got, test.dtype, test.classes)
			}
			if d.Test.Len() != len(test.rows) {
				t.Fatalf("%d rows: want %d", d.Test.Len(), len(test.rows))
			}
			for i := range d.Test.Len() {
				s, err := d.Test.Sample(i)
				if err != nil {
					t.Fatal(err)
				}
				if got := s.Features[0].Values(); !reflect.DeepEqual(got, test.rows[i]) || s.Label != test.labels[i] {
					t.Errorf("row %d: %v is %d: want %v is %d", i, got, s.Label, test.rows[i], test.labels[i])
				}
			}
		})
	}
}

func TestCSVClassesOfTrainAndTest(t *testing.T) {
	dir := write(t, map[string][]byte{"train.csv": []byte("1,b\n2,a\n3,c\n"), "test.csv": []byte("1,c\n")})
	d, err := Open(context.Background(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := d.Test.Sample(0)
	if err != nil || s.Label != 2 || d.Test.Spec().Classes != 3 {
		t.Errorf("label %d of %d (%v): want the training data's class 2 of 3", s.Label, d.Test.Spec().Classes, err)
	}
	dir = write(t, map[string][]byte{"train.csv": []byte("1,b\n2,a\n"), "test.csv": []byte("1,c\n")})
	_, err = Open(context.Background(), dir, Options{})
	wantError(t, err, `"c"`, "not among the classes")
}

func TestMalformedCSV(t *testing.T) {
	tests := []struct {
		name, content, label string
		want                 []string
		mended               bool // by the setting Label
	}{
		{"empty", "", "", []string{"no rows"}, false},
		{"header only", "a,b\n", "", []string{"no rows"}, false},
		{"ragged", "1,2\n3\n", "", []string{"wrong number of fields"}, false},
		{"words", "1,2,0\n1,x,0\ny,2,0\n", "", []string{`line 2, column 2: "x"`, `line 3, column 1: "y"`}, false},
		{"not finite", "1,nan,0\n1,2,0\n-Inf,2,0\n", "", []string{`line 1, column 2: "nan"`, `line 3, column 1: "-Inf"`},
			false},
		{"no such label", "a,b\n1,2\n", "z", []string{`no label column "z"`}, true},
		{"label out of range", "a,b\n1,2\n", "2", []string{`no label column "2"`}, true},
		{"labels are measurements", "1,0.5\n2,0.7\n", "", []string{`label "0.5"`, noColumn}, true},
		{"label alone", "1\n2\n", "", []string{"no columns but the label's"}, false},
		{"quote", "1,\"2\n", "", []string{`"`}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string][]byte{"d.csv": []byte(test.content)})
			_, err := Open(context.Background(), filepath.Join(dir, "d.csv"), Options{Label: test.label})
			wantError(t, err, append(test.want, "d.csv")...)
			if got := setting.Fields(err); slices.Equal(got, []string{"Label"}) != test.mended {
				t.Errorf("the settings that would mend it are %q, Label: %v", got, test.mended)
			}
		})
	}
}
