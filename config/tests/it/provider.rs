//! References into files, directories and the environment.

use std::collections::BTreeMap;
use std::path::Path;

use config::provider::Providers;

struct Fixture {
    directory: tempfile::TempDir,
    settings: BTreeMap<String, String>,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("in")).unwrap();
        std::fs::write(directory.path().join("in/db.properties"), "user=me\npw=s3=cret\n").unwrap();
        std::fs::write(directory.path().join("in/token"), "t0ken\n").unwrap();
        std::fs::write(directory.path().join("out"), "x=1").unwrap();
        let package = "org.apache.kafka.common.config.provider";
        let mut fixture = Self { directory, settings: BTreeMap::new() };
        fixture.set("config.providers", "env, file,dir");
        fixture.set("config.providers.env.class", &format!("{package}.EnvVarConfigProvider"));
        fixture.set("config.providers.file.class", &format!("{package}.FileConfigProvider"));
        fixture.set("config.providers.dir.class", "DirectoryConfigProvider");
        fixture
    }

    fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn resolve(&self, value: &str) -> Result<String, String> {
        let providers = Providers::from_worker(&self.settings).map_err(|e| e.to_string())?;
        let value = value.replace("DIR", self.path().to_str().unwrap());
        let settings = BTreeMap::from([("k".to_owned(), value)]);
        let mut resolved = providers.resolve(&settings).map_err(|e| e.to_string())?;
        Ok(resolved.remove("k").unwrap())
    }

    #[track_caller]
    fn check(&self, value: &str, expected: &str) {
        assert_eq!(self.resolve(value).unwrap(), expected);
    }

    #[track_caller]
    fn check_error(&self, value: &str, expected: &str) {
        let expected = expected.replace("DIR", self.path().to_str().unwrap());
        assert_eq!(self.resolve(value).unwrap_err(), expected);
    }
}

#[test]
fn references_are_replaced_by_their_values() {
    let fixture = Fixture::new();
    fixture.check("${file:DIR/in/db.properties:pw}", "s3=cret");
    fixture.check(
        "${file:DIR/in/db.properties:user}:${file:DIR/in/db.properties:pw}@host",
        "me:s3=cret@host",
    );
    fixture.check("${dir:DIR/in:token}", "t0ken\n");
    fixture.check("${env:CARGO_PKG_NAME}", "config");
}

#[test]
fn what_no_provider_serves_stays_text() {
    let fixture = Fixture::new();
    fixture.check("${vault:a:b} ${topic}", "${vault:a:b} ${topic}");
    let none = Providers::from_worker(&BTreeMap::new()).unwrap();
    let settings = BTreeMap::from([("k".to_owned(), "${env:HOME}".to_owned())]);
    assert_eq!(none.resolve(&settings).unwrap(), settings);
}

#[test]
fn unresolved_reference_names_key_reference_and_reason() {
    let fixture = Fixture::new();
    fixture.check_error(
        "a${env:NO_SUCH_VARIABLE_HERE}",
        "cannot resolve ${env:NO_SUCH_VARIABLE_HERE} in configuration k: \
         environment variable NO_SUCH_VARIABLE_HERE is not set",
    );
    fixture.check_error(
        "${file:DIR/in/db.properties:pass}",
        "cannot resolve ${file:DIR/in/db.properties:pass} in configuration k: \
         DIR/in/db.properties has no key pass",
    );
    fixture.check_error(
        "${file:DIR/none:pass}",
        "cannot resolve ${file:DIR/none:pass} in configuration k: \
         cannot read DIR/none: No such file or directory (os error 2)",
    );
    fixture.check_error(
        "${dir:DIR/in:../out}",
        "cannot resolve ${dir:DIR/in:../out} in configuration k: ../out is not the name of a file",
    );
    fixture.check_error(
        "${env:path:HOME}",
        "cannot resolve ${env:path:HOME} in configuration k: \
         this provider takes no path, found path",
    );
    fixture.check_error(
        "${file:pw}",
        "cannot resolve ${file:pw} in configuration k: the reference names no file",
    );
    fixture.check_error(
        "${env:}",
        "cannot resolve ${env:} in configuration k: environment variable  is not set",
    );
}

#[test]
fn error_never_holds_another_resolved_value() {
    let fixture = Fixture::new();
    let value = "${file:DIR/in/db.properties:pw}${env:NO_SUCH_VARIABLE_HERE}";
    assert!(!fixture.resolve(value).unwrap_err().contains("s3=cret"));
}

#[test]
fn allowed_paths_bound_what_is_read() {
    let mut fixture = Fixture::new();
    let allowed = fixture.path().join("in").to_str().unwrap().to_owned();
    fixture.set("config.providers.file.param.allowed.paths", &allowed);
    fixture.set("config.providers.dir.param.allowed.paths", &format!("/nowhere, {allowed}"));
    std::os::unix::fs::symlink(fixture.path().join("out"), fixture.path().join("in/link")).unwrap();
    fixture.check("${file:DIR/in/db.properties:user}", "me");
    fixture.check("${dir:DIR/in:token}", "t0ken\n");
    for path in ["DIR/out", "DIR/in/../out", "DIR/in/link"] {
        fixture.check_error(
            &format!("${{file:{path}:x}}"),
            &format!(
                "cannot resolve ${{file:{path}:x}} in configuration k: \
                 {path} lies outside allowed.paths"
            ),
        );
    }
    fixture.check_error(
        "${dir:DIR/in:link}",
        "cannot resolve ${dir:DIR/in:link} in configuration k: \
         DIR/in/link lies outside allowed.paths",
    );
}

#[test]
fn allowlist_pattern_bounds_the_variables() {
    let mut fixture = Fixture::new();
    fixture.set("config.providers.env.param.allowlist.pattern", "CARGO_PKG_.*|X");
    fixture.check("${env:CARGO_PKG_NAME}", "config");
    fixture.check_error(
        "${env:PATH}",
        "cannot resolve ${env:PATH} in configuration k: \
         environment variable PATH does not match allowlist.pattern",
    );
}

#[test]
fn wrong_provider_settings_are_refused() {
    #[track_caller]
    fn check(key: &str, value: Option<&str>, expected: &str) {
        let mut fixture = Fixture::new();
        match value {
            Some(value) => fixture.set(key, value),
            None => {
                fixture.settings.remove(key);
            }
        }
        let error = fixture.resolve("x").unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    check(
        "config.providers.env.class",
        None,
        "missing configuration config.providers.env.class of config provider env",
    );
    check(
        "config.providers.env.class",
        Some("com.example.Vault"),
        "invalid value com.example.Vault for configuration config.providers.env.class: expected",
    );
    check(
        "config.providers.env.param.allowlist.pattern",
        Some("("),
        "invalid value ( for configuration config.providers.env.param.allowlist.pattern",
    );
    check(
        "config.providers.file.param.allowed.path",
        Some("/"),
        "unknown configuration config.providers.file.param.allowed.path: \
         did you mean allowed.paths?",
    );
}

#[test]
fn resolved_values_are_listed_as_secrets_and_not_printed() {
    let fixture = Fixture::new();
    let providers = Providers::from_worker(&fixture.settings).unwrap();
    let reference = format!("u=${{file:{}/in/db.properties:pw}}", fixture.path().display());
    let settings = BTreeMap::from([("k".to_owned(), reference)]);
    let resolved = providers.resolve_with_secrets(&settings).unwrap();
    assert_eq!(resolved.secrets, ["s3=cret"]);
    assert!(!format!("{resolved:?}").contains("s3=cret"));
    let message = format!("cannot log in with {}", resolved.settings["k"]);
    let secrets = resolved.secrets.iter().map(String::as_str);
    assert_eq!(config::redact(&message, secrets), "cannot log in with u=[hidden]");
}
