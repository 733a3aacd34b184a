"""The names a user can type. Nothing heavy is imported here, so the command line checks them without loading PyTorch.

The modules that implement them build their tables in this order; tests/unit/runtime/test_names.py holds both equal.
"""

FLOATS = ("fp32", "fp16", "bf16")
PRECISIONS = (*FLOATS, "int8")
PRINTED_RULES = ("cumulative", "cumulative-unet-range", "carlini", "per-step")  # rules for t*; what Table 3 and the world's page list
RULES = (*PRINTED_RULES, "released", "per-step-literal")
DENOISERS = ("one_shot", "chain", "ddim", "released")
DENOISER_NETWORKS = ("adm_256", "unet_embedded")
NOISES = ("gaussian", "uniform", "laplace")
VOTES = ("denoised", "noisy")
FUSES = ("mean", "capped_mean", "vote", "median", "top_share", "drop_lowest_max")
RELEVANCE_RULES = ("chefer", "original", "chefer_bf16")
BOUNDS = ("thresholds", "mean", "renyi")  # of the top k of a mean map
HEAD_FUSIONS = ("mean", "max", "min")
NORMALISATIONS = ("rows", "columns", "none")
LRP_FORMS = ("full", "partial")
MAP_TYPES = ("own", "float64")  # what an explainer computes in
GRADCAM_FORMS = ("attention", "feature")
CORRECTIONS = ("holm", "bonferroni")  # of certified cells
