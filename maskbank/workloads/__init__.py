"""What a model is trained for, beyond classification of images: data that code generates, a model, its loss and its metric."""
