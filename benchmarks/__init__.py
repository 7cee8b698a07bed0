"""Programs that measure pylb beside HAProxy; none of them is part of pylb."""
