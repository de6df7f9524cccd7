"""Heads, stages, checkpoints: from a backbone and photos to a trained model."""
