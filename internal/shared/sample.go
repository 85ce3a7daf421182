package shared

// sample are models of many exporters and kinds that are quickly worked on. Some must be declined.
var sample = []string{
	"cntk_mnist",                   // CNTK: a Reshape of weights
	"deeploy_autoencoder1d",        // ConvTranspose, batch norm, weights that are inputs too
	"deeploy_cct2_32_opset20",      // ONNX Runtime's optimiser: attention, layer norm, Gelu
	"deeploy_tinyvit",              // PyTorch 2.7: window attention
	"dnsmos_model_v8",              // keras2onnx
	"ece_v1_int8",                  // quantised by QDQ
	"ece_v4_fp32",                  // PyTorch 2.13, opset 18
	"fashion_mnist_cnn_extdata",    // external data
	"fml_branched_ch_last",         // ops of qonnx
	"fml_three_layer_bn_pytorch",   // opset 6: Unsqueeze around batch norm
	"fml_three_layer_keras",        // OnnxMLTools
	"go_mnist_float16",             // float16
	"go_several_io",                // many inputs and outputs, of odd types
	"godot_robot_fps",              // two inputs, two outputs
	"lumen_mnist",                  // an exporter of its own
	"marabou_selfattn_mnist",       // tf2onnx: attention by Squeeze and Gemm
	"ort_bert_toy_optimized",       // BERT: Erf, layer norm of small ops
	"ort_tiny_gpt2_beamsearch",     // ops of com.microsoft, subgraphs
	"ppocr_cls_v2",                 // PaddlePaddle: depthwise, squeeze and excite, weights in Constant nodes
	"qonnx_espcn_float",            // DepthToSpace
	"silero_vad_op18_ifless",       // a spectrogram, an LSTM of small ops, an If
	"tract_lgbm",                   // trees as tensors
	"vnn21_acasxu_1_1",             // MATLAB
	"vnn21_cifar10_resnet_2b",      // residual blocks
	"vnn21_marabou_cifar10_small",  // tf2onnx: channels last
	"vnn22_carvana_unet",           // OneHot, ArgMax behind a network
	"vnn23_tinyyolo",               // PyTorch 1.11: Pad, shortcuts
	"vnn23_vit_pgd_2_3_16",         // a transformer with batch norm
	"yunet_s_320",                  // a detector: Resize, twelve outputs
	"zigzag_mobilenetv2_noweights", // external data that is absent
}
