"""Scores, figures and tables: what a model is worth."""
