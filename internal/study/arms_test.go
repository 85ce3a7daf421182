package study

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/internal/pipeline"
)

func TestParseArms(t *testing.T) {
	mix := loss.Default()
	for _, c := range []struct {
		name   string
		losses loss.Weights
		random bool
	}{
		{"scratch", loss.Weights{"kd": mix["kd"], "ce": mix["ce"]}, true},
		{"finetune", loss.Weights{"ce": 1}, false},
		{"default", mix, false},
		{"kd", loss.Weights{"kd": mix["kd"], "ce": mix["ce"]}, false},
		{"kd+hint", loss.Weights{"kd": mix["kd"], "ce": mix["ce"], "hint": mix["hint"]}, false},
		{"kd+at", loss.Weights{"kd": mix["kd"], "ce": mix["ce"], "at": 1}, false}, // the default mix has no at
		{"kd+hint=2+at=0.5", loss.Weights{"kd": mix["kd"], "ce": mix["ce"], "hint": 2, "at": 0.5}, false},
		{"kd=1", loss.Weights{"kd": 1, "ce": mix["ce"]}, false}, // what a term without a number would have by itself
		{"kd+ce=0", loss.Weights{"kd": mix["kd"], "ce": 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			arms, err := ParseArms([]string{c.name})
			if err != nil {
				t.Fatal(err)
			}
			a := arms[0]
			if a.Name != c.name || a.about == "" || a.random != c.random || !maps.Equal(a.losses, c.losses) {
				t.Errorf("%+v, want losses %v, random %v", a, c.losses, c.random)
			}
		})
	}
}

func TestDefaultArms(t *testing.T) {
	names := DefaultArms()
	if !slices.Equal(names[:3], []string{"scratch", "finetune", "kd"}) || names[len(names)-1] != "default" {
		t.Errorf("%q", names)
	}
	if !slices.Contains(names, "kd+hint") || slices.Contains(names, "kd+attn") {
		t.Errorf("%q: want the terms on feature maps, and none on layers of attention", names)
	}
	arms, err := ParseArms(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range arms {
		if a.Name != names[i] {
			t.Errorf("arm %d is %q, want %q", i, a.Name, names[i])
		}
	}
}

// All that is wrong is told of at once.
func TestParseArmsRefuses(t *testing.T) {
	for _, c := range []struct {
		arms []string
		says []string
	}{
		{[]string{}, []string{"without arms"}},
		{[]string{"kd", "kd+hint", "kd"}, []string{`"kd" is named twice`}},
		{[]string{"magic"}, []string{`arm "magic"`, "scratch, finetune, default", `no loss "magic"`}},
		{[]string{""}, []string{`arm ""`}},
		{[]string{"kd+kd"}, []string{`"kd" is named twice`}},
		{[]string{"kd=-1", "scratch", "scratch", "kd+"}, []string{`"-1"`, `"scratch" is named twice`, `arm "kd+"`}},
	} {
		_, err := ParseArms(c.arms)
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: the error has no %s: %v", c.arms, want, err)
			}
		}
	}
}

// A job of an arm shares nothing that can be changed, with the job it was made of or with the arm.
func TestArmLeavesTheJob(t *testing.T) {
	arms, err := ParseArms([]string{"scratch", "kd+hint=2"})
	if err != nil {
		t.Fatal(err)
	}
	var given pipeline.Job
	given.Train.Losses, given.Train.Steps = loss.Weights{"kd": 5}, 7
	for _, a := range arms {
		want := maps.Clone(a.losses)
		j := a.of(given)
		if j.Choice.Random != a.random || !maps.Equal(j.Train.Losses, want) || j.Train.Steps != 7 {
			t.Errorf("arm %s makes %+v, %+v", a.Name, j.Choice, j.Train)
		}
		j.Train.Losses["kd"] = 9
		if !maps.Equal(a.losses, want) {
			t.Errorf("arm %s has now %v, from its job", a.Name, a.losses)
		}
	}
	if given.Choice.Random || !maps.Equal(given.Train.Losses, loss.Weights{"kd": 5}) {
		t.Errorf("the job that was given is now %+v, %v", given.Choice, given.Train.Losses)
	}
}
