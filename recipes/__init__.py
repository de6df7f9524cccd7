"""Recipes: one file for each thing to tell apart, `recipe` in each."""
