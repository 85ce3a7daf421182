package ildc_test

import (
	"strings"
	"testing"
)

// own names packages of the module in full.
func own(names ...string) []string {
	var all []string
	for _, n := range names {
		all = append(all, module+"/"+n)
	}
	return all
}

// parseRules parses both texts.
func parseRules(t *testing.T, policy, dependencies string) ([]pair, []rule) {
	t.Helper()
	pairs, err := parsePolicy(policy)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := parseDependencies(dependencies)
	if err != nil {
		t.Fatal(err)
	}
	return pairs, rules
}

func TestViolations(t *testing.T) {
	const m = "example.org/m"
	pairs, rules := parseRules(t, "NONE < low < middle < high # reason\n NONE < apart", m+": low, high_test\n os: low")
	tests := []struct {
		name string
		pkg  string
		src  sourcePackage
		want string // part of the one problem; "" for none
	}{
		{"downwards", "middle", sourcePackage{imports: own("low")}, ""},
		{"far downwards", "high", sourcePackage{imports: own("low")}, ""},
		{"upwards", "low", sourcePackage{imports: own("middle")}, "low may not import middle"},
		{"sideways", "apart", sourcePackage{imports: own("low")}, "apart may not import low"},
		{"upwards in a test", "low", sourcePackage{testImports: own("high")}, ""},
		{"unknown importer", "new", sourcePackage{}, "new is not in the policy"},
		{"unknown import", "high", sourcePackage{imports: own("new")}, "high may not import new"},
		{"standard library", "apart", sourcePackage{imports: []string{"fmt", "net/url"}}, ""},
		{"listed of the standard library", "high", sourcePackage{imports: []string{"os"}}, "high may not import os"},
		{"part of a listed one", "high", sourcePackage{imports: []string{"os/exec"}}, ""},
		{"listed module", "low", sourcePackage{imports: []string{m + "/sub"}}, ""},
		{"listed for another", "high", sourcePackage{imports: []string{m}}, "high may not import example.org/m"},
		{"listed for the tests", "high", sourcePackage{testImports: []string{m}}, ""},
		{"listed for what is tested", "low", sourcePackage{testImports: []string{m}}, ""},
		{"not listed for the tests", "middle", sourcePackage{testImports: []string{m}},
			"middle_test may not import example.org/m"},
		{"longer name", "low", sourcePackage{imports: []string{"example.org/more"}}, "example.org/more, which is not listed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := violations(pairs, rules, map[string]sourcePackage{test.pkg: test.src})
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
}

func TestLeftovers(t *testing.T) {
	const m = "example.org/m/sub"
	type packages = map[string]sourcePackage
	tests := []struct {
		name                 string
		policy, dependencies string
		packages             packages
		want                 string // part of the one problem; "" for none
	}{
		{"used", "NONE < a < b", "", packages{"a": {}, "b": {imports: own("a")}}, ""},
		{"unused", "NONE < a < b", "", packages{"a": {}, "b": {}}, "a < b: b does not import it"},
		{"used by a test", "NONE < a < b", "", packages{"a": {}, "b": {testImports: own("a")}},
			"a < b: b does not import it"},
		{"used above b alone", "NONE < a < b < c", "",
			packages{"a": {}, "b": {}, "c": {imports: own("a", "b")}}, "a < b: b does not import it"},
		{"the root", "NONE < a < .", "", packages{"a": {}, ".": {imports: own("a")}}, ""},
		{"no such package", "NONE < a < b", "", packages{"b": {}}, "package a, which does not exist"},
		{"a module used", "NONE < a", "example.org/m: a", packages{"a": {imports: []string{m}}}, ""},
		{"a module unused", "NONE < a", "example.org/m: a", packages{"a": {}}, "example.org/m: a does not import it"},
		{"a module used by tests", "NONE < a", "example.org/m: a_test", packages{"a": {testImports: []string{m}}}, ""},
		{"a module used by tests alone", "NONE < a", "example.org/m: a",
			packages{"a": {testImports: []string{m}}}, "example.org/m: a does not import it"},
		{"a module unused by tests", "NONE < a", "example.org/m: a_test",
			packages{"a": {imports: []string{m}}}, "example.org/m: a_test does not import it"},
		{"a module for no such package", "NONE < a", "example.org/m: b", packages{"a": {}}, "package b does not exist"},
		{"a module for nobody", "NONE < a", "os: NONE", packages{"a": {}}, ""},
		{"another of the standard library", "NONE < a", "os: a", packages{"a": {imports: []string{"os/exec"}}},
			"os: a does not"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pairs, rules := parseRules(t, test.policy, test.dependencies)
			got := leftovers(pairs, rules, test.packages)
			if test.want == "" && len(got) > 0 || test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)) {
				t.Errorf("problems %q, want %q", got, test.want)
			}
		})
	}
}

func TestPolicyErrors(t *testing.T) {
	for _, policy := range []string{
		"NONE < a < a", "NONE < a < b\n b < a", "a < b", "NONE < a < < b", "a", "NONE < a < b\n a < b",
	} {
		if _, err := parsePolicy(policy); err == nil {
			t.Errorf("policy %q is accepted", policy)
		}
	}
	for _, dependencies := range []string{"m", "m:", "m: a\n m: b"} {
		if _, err := parseDependencies(dependencies); err == nil {
			t.Errorf("dependencies %q are accepted", dependencies)
		}
	}
}
