"""One file is one explainer: `build(backbone) -> Explainer`."""
