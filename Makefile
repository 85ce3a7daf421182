# What to run before a pull request. Each step is defined in .ci/run, which runs them all.
check:
	@.ci/run format tidy vet staticcheck deadcode test

.PHONY: check
