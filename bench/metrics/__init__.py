"""One file is one metric of relevance maps (`bench.protocols.Metric`); what they compute with is named below."""

NOT_PLUGINS = ("overlap", "perturbation", "psnr", "segmentation")
