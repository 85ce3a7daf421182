package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ildc/ildc/graph"
	"github.com/ildc/ildc/internal/setting"
)

// openCSV reads one sample per row; the columns but the label's are one feature [columns]. A first row that is not of
// numbers is a header.
func openCSV(path string, names []string, o Options) (*Memory, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReader(f))
	r.TrimLeadingSpace, r.ReuseRecord = true, true
	if strings.EqualFold(filepath.Ext(path), ".tsv") {
		r.Comma = '\t'
	}
	t, err := readCSV(r, o)
	if err != nil {
		return nil, err
	}
	return t.dataset(names)
}

// table is the content of a CSV file.
type table struct {
	columns int       // of features
	cells   []float64 // [rows, columns]
	labels  []string  // per row; nil where no column holds classes
}

func readCSV(r *csv.Reader, o Options) (*table, error) {
	t := &table{}
	label := -1
	var errs []error
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if t.columns == 0 {
			if label, err = labelColumn(o.Label, record); err != nil {
				return nil, err
			}
			t.columns = len(record)
			if label >= 0 {
				t.columns--
			}
			if t.columns == 0 {
				return nil, errors.New("no columns but the label's")
			}
			if isHeader(record, label) {
				continue
			}
		}
		for i, cell := range record {
			if i == label {
				t.labels = append(t.labels, strings.TrimSpace(cell))
				continue
			}
			v, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
			if bad := err != nil || math.IsNaN(v) || math.IsInf(v, 0); bad && len(errs) < shown {
				errs = append(errs, fmt.Errorf("line %d, column %d: %q is not a finite number", line, i+1, cell))
			}
			t.cells = append(t.cells, v)
		}
		if size := int64(len(t.cells)) * 8; size > o.maxBytes() {
			return nil, fmt.Errorf("more than %d bytes of numbers", o.maxBytes())
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(t.cells) == 0 {
		return nil, errors.New("there are no rows")
	}
	return t, nil
}

// labelColumn finds the label's column by a header's name, or by number from 0; −1 is none.
func labelColumn(label string, first []string) (int, error) {
	if label == "" {
		return len(first) - 1, nil
	}
	for i, name := range first {
		if strings.TrimSpace(name) == label {
			return i, nil
		}
	}
	if label == noColumn {
		return -1, nil
	}
	if i, err := strconv.Atoi(label); err == nil && i >= 0 && i < len(first) {
		return i, nil
	}
	err := fmt.Errorf("no label column %q: want a header's name, a number from 0 to %d, or %q", label, len(first)-1,
		noColumn)
	return 0, setting.Mends(err, "Label")
}

func isHeader(first []string, label int) bool {
	for i, cell := range first {
		if _, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err != nil && i != label {
			return true
		}
	}
	return false
}

// dataset gives the feature whole numbers where all cells are, so that it can feed integer inputs too. names are the
// classes that labels refer to; where nil, whole numbers are classes themselves and other labels are named classes in
// alphabetical order.
func (t *table) dataset(names []string) (*Memory, error) {
	whole := !slices.ContainsFunc(t.cells, func(v float64) bool { return v != math.Trunc(v) || math.Abs(v) > 1<<53 })
	dtype := graph.Float32
	if whole {
		dtype = graph.Int64
	}
	features := Array{"features", graph.FromValues(dtype, []int{len(t.cells) / t.columns, t.columns}, t.cells)}
	if t.labels == nil {
		return fromArrays(nil, []Array{features})
	}
	labels, numbered := make([]int, len(t.labels)), names == nil
	for i, l := range t.labels {
		v, err := strconv.ParseFloat(l, 64)
		if err == nil && v != math.Trunc(v) && names == nil {
			err := fmt.Errorf("label %q of sample %d is not a class: name the column that holds classes, or %q", l, i, noColumn)
			return nil, setting.Mends(err, "Label")
		}
		numbered = numbered && err == nil && v >= 0 && v <= maxClass
		if numbered {
			labels[i] = int(v)
		}
	}
	if !numbered {
		if names == nil {
			set := map[string]bool{}
			for _, l := range t.labels {
				set[l] = true
			}
			names = slices.Sorted(maps.Keys(set))
		}
		for i, l := range t.labels {
			k, ok := slices.BinarySearch(names, l)
			if !ok {
				return nil, fmt.Errorf("label %q of sample %d is not among the classes of the training data", l, i)
			}
			labels[i] = k
		}
	}
	m, err := fromArrays(labels, []Array{features})
	if err == nil && names != nil {
		m.spec.Classes, m.spec.ClassNames = len(names), names
	}
	return m, err
}
