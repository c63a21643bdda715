"""MiniWoB++: the 130 tasks of the package ``miniwob`` as episodes of the browser kind."""
