//! What KECS runs with nothing installed: tasks as host processes, state in one file.
