"""The only rooms-neutral I/O: files, database, processes, the sandbox, git, logs."""
