"""Keras Applications -> backbones that take raw photos, their cuts, their weights."""
