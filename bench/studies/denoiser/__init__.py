"""What the denoiser gains: `fvit world`."""
