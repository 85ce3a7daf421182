package layermatch_test

import (
	"slices"
	"testing"

	"github.com/ildc/ildc/internal/setting"
	"github.com/ildc/ildc/layermatch"
)

func TestSelection(t *testing.T) {
	net := nets[0]
	teacher, student := build(t, net.make, nil), build(t, net.make, nil)
	chosen := func(text string) []layermatch.Pair {
		s, err := layermatch.ParseSelection(text)
		if err != nil {
			t.Fatal(err)
		}
		return align(t, teacher, student, layermatch.Options{Select: s}).Chosen()
	}
	auto, all, one := chosen("auto"), chosen("all"), chosen("1")
	if len(one) != 1 || len(all) <= len(auto) || len(auto) < 2 {
		t.Fatalf("%s: %d pairs are chosen by default, %d of all, %d where 1 is asked for", net.name, len(auto), len(all),
			len(one))
	}
	if last := auto[len(auto)-1]; one[0].Teacher.Name != last.Teacher.Name {
		t.Errorf("one pair is %s, the last by default is %s", one[0].Teacher.Name, last.Teacher.Name)
	}
	for _, p := range all {
		if p.Chosen == "" || p.Teacher.Kind == layermatch.Pooling {
			t.Errorf("%s (%v) is chosen for the reason %q", p.Teacher.Name, p.Teacher.Kind, p.Chosen)
		}
	}
	if n := len(auto) + 1; len(all) >= n {
		if many := chosen(string(rune('0' + n))); len(many) != n {
			t.Errorf("%d pairs are chosen where %d are asked for", len(many), n)
		}
	}
	for _, bad := range []string{"", "0", "-1", "some", "1.5"} {
		if _, err := layermatch.ParseSelection(bad); !slices.Contains(setting.Fields(err), "Select") {
			t.Errorf("%q: error %v, want one that names the selection", bad, err)
		}
	}
}
