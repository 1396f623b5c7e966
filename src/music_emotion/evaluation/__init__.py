"""Protocols, metrics, intervals, and the comparison that brings them together."""
