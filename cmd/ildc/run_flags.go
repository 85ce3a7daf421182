package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ildc/ildc"
)

// planFlags say what the student is, what data there are and what computes: those that plan, compress and study share.
type planFlags struct {
	student studentFlags
	data    dataFlags
	engine  engineFlags
}

func (p *planFlags) register(f *pflag.FlagSet) {
	p.student.register(f)
	p.data.register(f)
	p.data.registerTraining(f)
	p.engine.register(f)
}

// apply turns the flags into options, but for the engine.
func (p *planFlags) apply(c *cobra.Command, o *ildc.Options, teacher string, seed uint64) (err error) {
	o.Teacher = model(c, teacher)
	if err := p.student.apply(o); err != nil {
		return err
	}
	o.Data, err = p.data.parse(seed, false)
	return err
}

// open opens the engine.
func (p *planFlags) open(o *ildc.Options, say func(string)) (err error) {
	o.Engine, o.EngineOptions, err = p.engine.open(say)
	return err
}

// runFlags say what a training run is: those that compress and study share.
type runFlags struct {
	planFlags
	memory     memoryFlag
	train      trainFlags
	force      bool
	progressAs string
	verbose    bool
}

func (r *runFlags) register(c *cobra.Command) {
	f := c.Flags()
	r.planFlags.register(f)
	r.data.registerSynthetic(f)
	r.train.register(f)
	r.memory.register(f)
	f.BoolVar(&r.force, "force", false,
		"train also where the teacher is near chance on the data, or a step needs more memory than there is")
	f.StringVar(&r.progressAs, "progress", "auto", "auto, plain, json or none")
	f.BoolVarP(&r.verbose, "verbose", "v", false, "log what is done")
}

// apply turns the flags into options, and opens the engine.
func (r *runFlags) apply(c *cobra.Command, o *ildc.Options, teacher string, seed uint64) (err error) {
	if err := r.planFlags.apply(c, o, teacher, seed); err != nil {
		return err
	}
	if o.Train, err = r.train.parse(seed); err != nil {
		return err
	}
	if err := r.open(o, r.announce(c)); err != nil {
		return err
	}
	o.Verifier = r.engine.verifier(o.Engine)
	if o.Memory, err = r.memory.parse(); err != nil {
		return err
	}
	if o.Progress, err = progress(c.ErrOrStderr(), r.progressAs); err != nil {
		return err
	}
	o.Force = r.force
	o.Logger = logger(c.ErrOrStderr(), r.verbose)
	return nil
}

// announce gives a function that tells the user something on stderr, in the form that progress has there.
func (r *runFlags) announce(c *cobra.Command) func(string) {
	if r.progressAs == "json" {
		return jsonMessage(c.ErrOrStderr())
	}
	return say(c)
}
