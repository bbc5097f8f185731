"""The encodings of rectangles: each packs pixels, and knows nothing of clients."""
