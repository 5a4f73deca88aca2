"""Measuring what a machine can do, with the product's own code and databases that are gone afterwards."""
