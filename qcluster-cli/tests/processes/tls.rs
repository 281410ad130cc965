//! HTTP over TLS: who is believed, who has to show a certificate, and what is told where something is wrong.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::cluster::{Cluster, Places, Setup};
use crate::support::node::{Ended, PROGRAMS, Program, run_to_end};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority that signs certificates.
fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("there are no names in it");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("it is signed")
}

/// The files of a story, by name.
struct Files(TempDir);

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("paths of tests are UTF-8").to_owned()
    }

    fn write(&self, name: &str, pem: &str) {
        fs::write(self.path(name), pem).expect("it can be written");
    }

    /// A certificate for this machine and its key, as `NAME.pem` and `NAME.key`; its last day is long past or far off.
    fn certify(&self, name: &str, by: &Authority, is_over: bool) {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).expect("those are names");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(if is_over { 2021 } else { 4000 }, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, by).expect("it is signed");
        self.write(&format!("{name}.pem"), &certificate.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }
}

/// Files of one authority and of another, of a server, a client and somebody whose time is over.
fn files() -> Files {
    let files = Files(TempDir::new().expect("a temporary folder"));
    let (ours, other) = (authority("ours"), authority("another"));
    files.write("ca.pem", &ours.pem());
    files.write("other-ca.pem", &other.pem());
    files.certify("server", &ours, false);
    files.certify("client", &ours, false);
    files.certify("stranger", &other, false);
    files.certify("over", &ours, true);
    files
}

fn node_with(tls: Value) -> Cluster {
    node_on(&Program::Binary, tls)
}

fn node_on(program: &Program, tls: Value) -> Cluster {
    let setup = Setup { places: Places::Loopback(1), program: program.clone(), ..Setup::unhurried() };
    Cluster::changed(&setup, move |_, config| {
        config["api"] = json!({ "tls": tls });
    })
}

fn status(cluster: &Cluster, arguments: &[&str]) -> Ended {
    let address = format!("https://{}", cluster.nodes[0].address);
    run_to_end(&[&["status", "--format", "json", "--addr", &address], arguments].concat())
}

fn curl(arguments: &[&str]) -> Output {
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "10"])
        .args(arguments)
        .output()
        .expect("curl runs")
}

#[test]
fn a_node_is_asked_over_tls_by_who_believes_its_authority() {
    for (_, program) in PROGRAMS {
        is_asked_over_tls(program);
    }
}

fn is_asked_over_tls(program: &Program) {
    let files = files();
    let tls = json!({ "cert": files.path("server.pem"), "key": files.path("server.key") });
    let mut cluster = node_on(program, tls);
    cluster.nodes[0].start();
    let ca = files.text("ca.pem");
    let answered = cluster.eventually("it answers over TLS", || {
        let Ended { code, stdout, .. } = status(&cluster, &["--ca", &ca]);
        (code == Some(0)).then(|| serde_json::from_str::<Value>(&stdout).expect("it is JSON"))
    });
    assert_eq!(answered["identifier"], "server_a");
    // Others do not believe it, and it does not speak without TLS.
    let wrong = status(&cluster, &["--ca", &files.text("other-ca.pem")]);
    assert_eq!(wrong.code, Some(1), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("no authority that this client believes"), "{}", wrong.stderr);
    let missing = status(&cluster, &[]);
    assert_eq!((missing.code, missing.stderr.contains("--ca")), (Some(2), true), "{}", missing.stderr);
    assert!(cluster.nodes[0].get("/ping").is_none(), "it answers in plain text");
    // curl, with all of an answer that is longer than one record.
    let url = |path: &str| format!("https://{}{path}", cluster.nodes[0].address);
    let metrics = curl(&["--cacert", &ca, &url("/metrics")]);
    let text = String::from_utf8_lossy(&metrics.stdout).into_owned();
    assert!(metrics.status.success() && text.contains("qcluster_is_leader"), "{metrics:?}");
    assert!(!curl(&[&url("/ping")]).status.success(), "curl believes an authority that it does not know");
    // A certificate that is replaced is shown to the next client.
    fs::copy(files.path("over.pem"), files.path("server.pem")).expect("it can be written");
    fs::copy(files.path("over.key"), files.path("server.key")).expect("it can be written");
    cluster.nodes[0].signal(Signal::HUP);
    let over = cluster.eventually("it shows the other one", || {
        let Ended { code, stderr, .. } = status(&cluster, &["--ca", &ca]);
        (code == Some(1)).then_some(stderr)
    });
    assert!(over.contains("its certificate has expired"), "{over}");
}

#[test]
fn where_certificates_are_asked_for_nobody_is_answered_without_one() {
    let files = files();
    let mut cluster = node_with(json!({
        "cert": files.path("server.pem"), "key": files.path("server.key"), "client_ca": files.path("ca.pem"),
    }));
    cluster.nodes[0].start();
    let ca = files.text("ca.pem");
    let shown = |name: &str| {
        let [cert, key] = ["pem", "key"].map(|kind| files.text(&format!("{name}.{kind}")));
        status(&cluster, &["--ca", &ca, "--cert", &cert, "--key", &key])
    };
    cluster.eventually("who shows one is answered", || (shown("client").code == Some(0)).then_some(()));
    for name in ["stranger", "over"] {
        let refused = shown(name);
        let is_told = refused.stderr.contains("does not accept the certificate of this client");
        assert_eq!((refused.code, is_told), (Some(1), true), "{name}: {}", refused.stderr);
    }
    let without = status(&cluster, &["--ca", &ca]);
    assert_eq!(without.code, Some(1));
    assert!(without.stderr.contains("it wants a certificate of its clients"), "{}", without.stderr);
    let url = format!("https://{}/leader", cluster.nodes[0].address);
    let [cert, key] = ["client.pem", "client.key"].map(|name| files.text(name));
    let answered = curl(&["--cacert", &ca, "--cert", &cert, "--key", &key, &url]);
    assert!(answered.status.success(), "{answered:?}");
    assert!(!curl(&["--cacert", &ca, &url]).status.success());
}

#[test]
fn certificates_that_cannot_be_used_are_refused_by_field_and_file() {
    let files = files();
    files.write("nonsense.pem", "nonsense");
    for (cert, key, client_ca, told) in [
        ("missing.pem", "server.key", None, "api.tls.cert: "),
        ("server.pem", "missing.key", None, "api.tls.key: "),
        ("nonsense.pem", "server.key", None, "there is no certificate in it"),
        ("server.pem", "nonsense.pem", None, "api.tls.key: "),
        ("server.pem", "client.key", None, "api.tls.cert: "),
        ("server.pem", "server.key", Some("missing.pem"), "api.tls.client_ca: "),
    ] {
        let mut tls = json!({ "cert": files.path(cert), "key": files.path(key) });
        if let Some(client_ca) = client_ca {
            tls["client_ca"] = json!(files.path(client_ca));
        }
        let cluster = node_with(tls);
        let path = cluster.nodes[0].config_path();
        let Ended { code, stderr, .. } = run_to_end(&["run", path.to_str().expect("it is text")]);
        assert!(stderr.contains(told), "{told}: {stderr}");
        assert_eq!(code, Some(2), "{stderr}");
    }
}
