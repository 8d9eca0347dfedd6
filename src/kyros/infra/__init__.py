"""The only rooms-neutral I/O: files, database, processes, git, logs."""
