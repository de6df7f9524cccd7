"""From a trained model to answers: SavedModel and predictions."""
