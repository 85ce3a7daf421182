package models_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ildc/ildc/internal/setting"
	"github.com/ildc/ildc/models"
)

func TestParseBudget(t *testing.T) {
	for text, want := range map[string]models.Budget{
		"macs=0.5x":             {{Measure: models.MACs, Value: 0.5, Ratio: true}},
		"macs=20M, params=100k": {{Measure: models.MACs, Value: 20e6}, {Measure: models.Params, Value: 100e3}},
		"bytes=1MB":             {{Measure: models.Bytes, Value: 1e6}},
		"bytes=1.5MiB":          {{Measure: models.Bytes, Value: 1.5 * (1 << 20)}},
		"bytes=300k":            {{Measure: models.Bytes, Value: 300e3}},
		"bytes=2048":            {{Measure: models.Bytes, Value: 2048}},
		"params=2G":             {{Measure: models.Params, Value: 2e9}},
		"params=1x":             {{Measure: models.Params, Value: 1, Ratio: true}},
		"latency=0.6x":          {{Measure: models.Latency, Value: 0.6, Ratio: true}},
		"latency=1.5ms":         {{Measure: models.Latency, Value: 1.5e6}},
		"latency=800us":         {{Measure: models.Latency, Value: 800e3}},
		"latency=2s":            {{Measure: models.Latency, Value: 2e9}},
	} {
		got, err := models.ParseBudget(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for text, why := range map[string]string{
		"":                    "want macs=",
		"macs":                "want a ratio",
		"macs=":               "want a ratio",
		"macs=half":           "want a ratio",
		"macs=0x":             "above 0",
		"macs=-1":             "above 0",
		"macs=1.5x":           "up to 1",
		"macs=NaN":            "want a ratio",
		"macs=1e999":          "want a ratio",
		"flops=1M":            "want macs=",
		"latency=2":           "want a ratio",
		"latency=2k":          "want a ratio",
		"macs=0.5x,macs=100k": "twice",
		"params=1MB":          "want a ratio",
	} {
		if _, err := models.ParseBudget(text); err == nil || !strings.Contains(err.Error(), why) ||
			!slices.Contains(setting.Fields(err), "Budget") {
			t.Errorf("%q gives %v, want an error with %q", text, err, why)
		}
	}
}
