//! What a running node takes from a configuration that has changed, and what it reads only when it starts.

use alloc::vec::Vec;

use super::api::ApiConfig;
use super::file::Config;

impl Config {
    /// The fields in which `next` differs from this configuration, but for those that change while a node runs: credentials, `seal`,
    /// `insecure`, and who may use the API. A node has to be started again for them.
    pub fn fields_for_restart(&self, next: &Self) -> Vec<&'static str> {
        // Both by all their fields, so that no new one is forgotten.
        let Self {
            identifier,
            listen_host,
            listen_port,
            advertise_host,
            advertise_port,
            metadata,
            priority,
            services,
            mode,
            peers,
            join,
            next_peers,
            voter_in,
            observer,
            cluster,
            timing,
            data_dir,
            previous_lease_ms,
            rollback,
            drain_ms,
            settle_ms,
            record,
            api,
            insecure: _,
            secret: _,
            secret_file: _,
            secrets: _,
            seal: _,
        } = self;
        let ApiConfig {
            enabled,
            listen,
            token: _,
            token_file: _,
            tokens: _,
            require_token: _,
            tls: _,
            protect_reads: _,
            hosts: _,
        } = api;
        let fields = [
            ("identifier", *identifier == next.identifier),
            ("listen_host", *listen_host == next.listen_host),
            ("listen_port", *listen_port == next.listen_port),
            ("advertise_host", *advertise_host == next.advertise_host),
            ("advertise_port", *advertise_port == next.advertise_port),
            ("metadata", *metadata == next.metadata),
            ("priority", *priority == next.priority),
            ("services", *services == next.services),
            ("mode", *mode == next.mode),
            ("peers", *peers == next.peers),
            ("join", *join == next.join),
            ("next_peers", *next_peers == next.next_peers),
            ("voter_in", *voter_in == next.voter_in),
            ("observer", *observer == next.observer),
            ("cluster", *cluster == next.cluster),
            ("timing", *timing == next.timing),
            ("data_dir", *data_dir == next.data_dir),
            ("previous_lease_ms", *previous_lease_ms == next.previous_lease_ms),
            ("rollback", *rollback == next.rollback),
            ("drain_ms", *drain_ms == next.drain_ms),
            ("settle_ms", *settle_ms == next.settle_ms),
            ("record", *record == next.record),
            ("api.enabled", *enabled == next.api.enabled),
            ("api.listen", *listen == next.api.listen),
        ];
        fields.into_iter().filter_map(|(name, is_same)| (!is_same).then_some(name)).collect()
    }

    /// This configuration with what a running node takes from `next`: what [`fields_for_restart`](Self::fields_for_restart) never names.
    #[must_use]
    pub fn with_live_fields_of(&self, next: &Self) -> Self {
        let ApiConfig { token, token_file, tokens, require_token, tls, protect_reads, hosts, .. } = next.api.clone();
        let ApiConfig { enabled, ref listen, .. } = self.api;
        let listen = listen.clone();
        Self {
            api: ApiConfig { enabled, listen, token, token_file, tokens, require_token, tls, protect_reads, hosts },
            insecure: next.insecure,
            secret: next.secret.clone(),
            secret_file: next.secret_file.clone(),
            secrets: next.secrets.clone(),
            seal: next.seal,
            ..self.clone()
        }
    }
}
