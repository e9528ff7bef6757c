//! `keyward gateway init`: the files of `gateways/`, for the settings in force.

use std::{fs, path::Path};

use super::gateway::Kind;
use crate::support::outside::install::{Install, Outcome};

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("gateways").join(name)).expect(name)
}

fn install(check: &str) -> Install {
    Install::new().with("KEYWARD_SERVER_CHECK_LISTEN", check)
}

fn refused(outcome: &Outcome) -> &str {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{outcome:?}");
    outcome.stderr.trim_end()
}

#[test]
fn it_prints_what_lies_in_the_repository() {
    let install = install("127.0.0.1:8082").with("KEYWARD_SERVER_EXT_AUTHZ_LISTEN", "127.0.0.1:8083");
    assert_eq!(install.good(&["gateway", "init", "envoy-grpc"]), file("envoy-grpc.yaml"));
    assert_eq!(install.good(&["gateway", "init", "envoy-http"]), file("envoy-http.yaml"));
    assert_eq!(install.good(&["gateway", "init", "nginx"]), file("nginx.conf"));
    assert_eq!(install.good(&["gateway", "init", "caddy"]), file("caddy.Caddyfile"));
    let folder = install.path("");
    let folder = folder.to_str().expect("UTF-8");
    for (name, files) in
        [("haproxy", ["haproxy.cfg", "haproxy.lua"]), ("traefik", ["traefik.yaml", "traefik-dynamic.yaml"])]
    {
        let outcome = install.run(&["gateway", "init", name]);
        let why = format!("keyward: {name} needs {} and {}: say --into FOLDER", files[0], files[1]);
        assert_eq!(refused(&outcome), why);
        install.good(&["gateway", "init", name, "--into", folder]);
        for name in files {
            assert_eq!(fs::read_to_string(install.path(name)).expect(name), file(name));
        }
        let again = install.run(&["gateway", "init", name, "--into", folder]);
        assert!(refused(&again).contains("exists"), "{again:?}");
    }
}

#[test]
fn it_asks_the_listener_that_is_set() {
    for (set, asked) in [("10.1.2.3:9", "server 10.1.2.3:9;"), ("[::]:9", "server [::1]:9;")] {
        let printed = install(set).good(&["gateway", "init", "nginx", "--app", "app.internal:81"]);
        assert!(printed.contains(asked), "{printed}");
        assert!(printed.contains("server app.internal:81;"), "{printed}");
    }
}

#[test]
fn without_a_listener_for_the_check_it_says_which_setting_is_missing() {
    let install = install("").with("KEYWARD_SERVER_EXT_AUTHZ_LISTEN", "");
    for kind in Kind::ALL {
        let outcome = install.run(&["gateway", "init", kind.name()]);
        let setting = if kind == Kind::EnvoyGrpc { "server.ext_authz_listen" } else { "server.check_listen" };
        assert!(refused(&outcome).starts_with(&format!("keyward: {setting} is not set")), "{outcome:?}");
    }
    let unknown = self::install("127.0.0.1:1").run(&["gateway", "init", "apache"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert!(unknown.stderr.contains(&Kind::ALL.map(Kind::name).join(", ")), "{unknown:?}");
}
