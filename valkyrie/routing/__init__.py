"""Routing: strategies that turn a column of keys into targets."""
