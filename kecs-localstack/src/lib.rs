//! LocalStack as the backend for every other AWS service: the room is kept, its content is to come (see ARCHITECTURE.md).
