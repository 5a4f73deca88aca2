"""Reading a library: the papers in a file of a reference manager, or in pasted text."""
