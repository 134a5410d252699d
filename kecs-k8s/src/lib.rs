//! Tasks as pods (arrives with the Kubernetes issue).
