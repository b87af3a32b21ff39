"""Image classifiers, written plainly from their papers."""
