package layermatch_test

// handPairs says which values of vnn21_cifar10_resnet_4b (teacher) and vnn21_cifar10_resnet_2b (student) correspond, written
// down by hand from the two graphs, before the matcher had run on them. Both nets have a 3×3 stem at 16×16, a strided block
// with a projection and a plain block at 8×8, and two Gemms; the teacher has two more blocks at 4×4, which correspond to nothing.
var handPairs = []struct{ teacher, student, what string }{
	{"28", "18", "stem, after Relu"},
	{"30", "20", "layer1.0, after the first conv and Relu"},
	{"32", "22", "layer1.0, projection shortcut"},
	{"31", "21", "layer1.0, end of the residual branch"},
	{"34", "24", "layer1.0, sum after Relu"},
	{"36", "26", "layer1.1, after the first conv and Relu"},
	{"37", "27", "layer1.1, end of the residual branch"},
	{"39", "29", "layer1.1, sum after Relu: last map at 8×8"},
	{"52", "32", "linear1, after Relu"},
}

// handPreActivations are the pre-activations of those pairs that have one.
var handPreActivations = []struct{ teacher, student string }{
	{"27", "17"}, {"29", "19"}, {"33", "23"}, {"35", "25"}, {"38", "28"}, {"51", "31"},
}

// handChosen are the pairs a person would distil from: the last value of each resolution that both nets have, and the hidden layer
// before the logits.
var handChosen = []struct{ teacher, student string }{{"28", "18"}, {"39", "29"}, {"52", "32"}}
