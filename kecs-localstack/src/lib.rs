//! LocalStack as the backend for every other AWS service (arrives with its own issue).
