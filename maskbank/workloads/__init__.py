"""What a net is trained for, beyond classification of images: data that code generates, a net, its loss and its metric."""
