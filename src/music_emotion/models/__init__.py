"""Architectures, the estimators around them, and the registry of names."""
