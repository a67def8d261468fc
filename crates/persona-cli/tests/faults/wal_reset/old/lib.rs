//! Nothing: this package only names a dependency, see its manifest.
