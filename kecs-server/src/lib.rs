//! The AWS endpoint: HTTP, request identification, dispatch, and the builder that an embedder uses.
