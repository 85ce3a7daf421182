package loss

// Outputs lists the losses on outputs, by name. It is the order in which a step has their terms.
func Outputs() []OutputLoss {
	return []OutputLoss{CE(), dist(), dkd(), KD()}
}

// Features lists the losses on feature maps, by name. It is the order in which a step has their terms.
func Features() []FeatureLoss {
	return []FeatureLoss{ab(), at(), attn(), fsp(), hint(), relation(), sp()}
}

// Names lists the terms that [ParseWeights] knows.
func Names() []string {
	var names []string
	for _, l := range Outputs() {
		names = append(names, l.Name)
	}
	for _, l := range Features() {
		names = append(names, l.Name)
	}
	return names
}
