"""Algorithms in Python, to be tried on the tasks before they are written in Swift."""
