package report

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// fill gives every field that the JSON form has a value that is not zero. Maps have one key, slices one element.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("text")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth)
	case reflect.Map:
		if depth == 0 { // metrics hold metrics
			return
		}
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one, depth-1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("name"), one)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				fill(v.Field(i), depth)
			}
		}
	default:
		panic("a field of " + v.Type().String() + ", which the test can't fill")
	}
}

// contract lists what has a JSON form that others read.
func contract() map[string]any {
	return map[string]any{"result": &Result{}, "run": &Run{}, "study": &Study{}, "benchmark": &Benchmark{},
		"inspection": &Inspection{}, "verdict": &Verdict{}, "measures": &Measures{}}
}

// The JSON form is a contract: names, order and types of all fields, and what is there of a value that has nothing.
// Where it changes otherwise than by a field more, [Schema] changes.
func TestContract(t *testing.T) {
	for name, v := range contract() {
		t.Run(name, func(t *testing.T) {
			empty, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			fill(reflect.ValueOf(v).Elem(), 1)
			full, err := json.MarshalIndent(v, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", string(empty)+"\n"+string(full)+"\n")
		})
	}
}

// What is written is read back: a study goes on from its runs.
func TestContractReadsBack(t *testing.T) {
	for name, v := range contract() {
		fill(reflect.ValueOf(v).Elem(), 1)
		file := filepath.Join(t.TempDir(), name+".json")
		if err := WriteJSON(file, v); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(back); err != nil || !reflect.DeepEqual(v, back) {
			t.Errorf("%s: %v\nis read back as %+v\nfrom %+v", name, err, back, v)
		}
	}
}

// A write that fails leaves what was there, and nothing beside it.
func TestWriteJSONFails(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "result.json")
	if err := WriteJSON(file, 1); err != nil {
		t.Fatal(err)
	}
	if err := WriteJSON(file, []float64{1, math.NaN()}); err == nil || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("a value that has no JSON form gives %v", err)
	}
	if data, err := os.ReadFile(file); err != nil || string(data) != "1\n" {
		t.Errorf("the file has %q, %v", data, err)
	}
	missing := filepath.Join(folder, "missing")
	if err := WriteJSON(filepath.Join(missing, "result.json"), 1); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a folder that is not there gives %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}
