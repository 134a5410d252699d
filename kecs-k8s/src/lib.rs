//! Tasks as pods: the room is kept, its content is to come (see ARCHITECTURE.md).
