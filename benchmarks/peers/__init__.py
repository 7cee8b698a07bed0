"""Reverse proxies as one writes them in Python, to compare with."""
