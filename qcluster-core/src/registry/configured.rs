//! The services of a configuration.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde_json::Value;

use super::service::Service;
use crate::config::{Config, ConfigError, Problem, Settings, not_replaced, variable_in};

impl Config {
    /// The same node with those services, in place of the ones that it had. [`Config::check`] checks them.
    ///
    /// ```
    /// use qcluster_core::{Config, Service};
    ///
    /// let config = Config::new("server_a", "localhost", 7001).with_services([Service::new("billing", 8001)]);
    /// assert_eq!(config.services()?, [Service::new("billing", 8001)]);
    /// # Ok::<(), qcluster_core::ConfigError>(())
    /// ```
    #[must_use]
    pub fn with_services(self, services: impl IntoIterator<Item = Service>) -> Self {
        // One that JSON could not hold would be null, and reported as that.
        let services = services.into_iter().map(|service| serde_json::to_value(service).unwrap_or_default());
        Self { services: services.collect(), ..self }
    }

    /// Checks all of the configuration, and gives its settings and services.
    ///
    /// # Errors
    /// Every mistake that there is, each with its field.
    pub fn check(&self) -> Result<(Settings, Vec<Service>), ConfigError> {
        match (self.settings(), self.services()) {
            (Ok(settings), Ok(services)) => Ok((settings, services)),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
            (Err(error), Err(more)) => Err(error.and(more)),
        }
    }

    /// The services that this node registers when it starts: each as [`Service`] reads from JSON.
    ///
    /// # Errors
    /// Every one that is not as it has to be, with its field.
    pub fn services(&self) -> Result<Vec<Service>, ConfigError> {
        let mut services: Vec<Service> = Vec::new();
        let mut problems = Vec::new();
        for (index, value) in self.services.iter().enumerate() {
            let mut wrong = |reason: String| problems.push(Problem { field: format!("services[{index}]"), reason });
            match read(value) {
                Ok(service) if services.iter().any(|other| other.id == service.id) => {
                    wrong(format!("the id `{}` is taken by another one", service.id));
                }
                Ok(service) => services.push(service),
                Err(reason) => wrong(reason),
            }
        }
        ConfigError::unless_empty(problems).map(|()| services)
    }
}

/// One service, or what is wrong with it.
fn read(value: &Value) -> Result<Service, String> {
    let service: Service = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let host = service.host.as_deref().unwrap_or_default();
    for (field, text) in [("name", service.name.as_str()), ("id", &service.id), ("host", host)] {
        if let Some(variable) = variable_in(text) {
            return Err(format!("{field}: {}", not_replaced(variable)));
        }
    }
    service.check().map_err(|error| error.to_string())?;
    Ok(service)
}
