"""Alphabets, CTC decoding, and language models."""
