//! This package is empty: it only names a dependency, see its manifest.
