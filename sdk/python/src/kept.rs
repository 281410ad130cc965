//! What belongs to the process that made it. A fork copies its memory and none of the threads that keep its locks: in the child it is neither
//! used nor dropped, since either could wait for a lock that nobody holds any more.

use std::process;

use qcluster::Stopped;

use crate::failure::Failure;

/// Something of this process.
pub(crate) struct Kept<T> {
    process: u32,
    /// There until it is dropped.
    value: Option<T>,
}

impl<T> Kept<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: process::id(), value: Some(value) }
    }

    /// The thing itself.
    ///
    /// # Errors
    /// This process is a fork of the one that it belongs to.
    pub(crate) fn get(&self) -> Result<&T, Failure> {
        let value = self.value.as_ref().filter(|_| self.is_here());
        value.ok_or(Failure::Stopped(Stopped::Forked))
    }

    /// The thing itself, in a child process too: for what takes no lock.
    pub(crate) fn anywhere(&self) -> Option<&T> {
        self.value.as_ref()
    }

    fn is_here(&self) -> bool {
        process::id() == self.process
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if !self.is_here() {
            std::mem::forget(self.value.take());
        }
    }
}
