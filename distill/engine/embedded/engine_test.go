package embedded_test

import (
	"testing"

	"github.com/ildc/ildc/distill/engine"
	"github.com/ildc/ildc/distill/engine/embedded"
	"github.com/ildc/ildc/distill/engine/enginetest"
)

func TestEngine(t *testing.T) {
	enginetest.Run(t, func() engine.Engine { return embedded.New() })
}
