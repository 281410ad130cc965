//! A lease, as Python holds it.

use pyo3::prelude::*;
use qcluster::Lease;

/// A lease that is, or was, held.
#[pyclass(frozen, name = "Lease", module = "qcluster._qcluster")]
pub(crate) struct HeldLease(pub(crate) Lease);

#[pymethods]
impl HeldLease {
    /// Larger than that of every leadership before.
    #[getter]
    fn token(&self) -> u64 {
        self.0.token.0
    }

    /// Whether this leadership holds at this instant.
    fn is_valid(&self) -> bool {
        self.0.is_valid()
    }

    /// How many seconds it lasts from now on unless it is renewed; `None` once it is over.
    fn remaining(&self) -> Option<f64> {
        self.0.remaining().map(|left| left.as_secs_f64())
    }
}
