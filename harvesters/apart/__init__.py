"""The open stage in a process of its own: what is read of a stranger's file can harm nothing."""
