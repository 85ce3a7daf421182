package pass

import (
	"fmt"
	"slices"
	"testing"
)

// Each rule names two passes that stand in that order, each for a reason, and no pass is without a rule.
func TestOrder(t *testing.T) {
	if problems := breaches(rules); len(problems) > 0 {
		t.Error(problems)
	}
}

func TestOrderBreaches(t *testing.T) {
	type rule = struct{ before, after, why string }
	for _, r := range []rule{
		{"fuse", "upgrade", "turned round"},
		{"fuse", "fuse", "itself"},
		{"fuse", "other", "a pass that is not there"},
		{"upgrade", "fuse", ""},
	} {
		if len(breaches(append(slices.Clone(rules), r))) == 0 {
			t.Errorf("%v is accepted", r)
		}
	}
	if len(breaches(rules[:len(rules)-1])) == 0 {
		t.Error("a pass without a rule is accepted")
	}
}

// breaches lists what rules and the order of passes disagree in.
func breaches(rules []struct{ before, after, why string }) (problems []string) {
	ruled := map[string]bool{}
	place := func(name string) int {
		ruled[name] = true
		for i, p := range passes {
			if p.name == name {
				return i
			}
		}
		problems = append(problems, fmt.Sprintf("there is no pass %q", name))
		return -1
	}
	for _, r := range rules {
		if place(r.before) >= place(r.after) {
			problems = append(problems, fmt.Sprintf("%q is not before %q: %s", r.before, r.after, r.why))
		}
		if r.why == "" {
			problems = append(problems, fmt.Sprintf("%q, %q: no reason", r.before, r.after))
		}
	}
	for _, p := range passes {
		if !ruled[p.name] {
			problems = append(problems, fmt.Sprintf("pass %q: no rule", p.name))
		}
	}
	return problems
}
