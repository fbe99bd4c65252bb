"""Measure checkpoints: scores, efficiency, forgetting; files that say how each number was measured; tables of them."""
