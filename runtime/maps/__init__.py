"""Relevance maps of transformers."""
