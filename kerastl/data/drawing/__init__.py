"""Draws photos of flat ground with things on it: relief, light, camera, film."""
