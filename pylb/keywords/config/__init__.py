"""The words of configuration files: sections, their keywords, and the words of `bind` and `server` lines."""
