//! How personas are served: the supervisor, its worker processes, the HTTP API and the command line.
