"""A model behind HTTP: photos come in, are gathered into batches, and answers go out."""
