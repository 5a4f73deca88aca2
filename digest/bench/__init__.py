"""Benchmarks of the product's own code, in temporary databases."""
