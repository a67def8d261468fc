//! The way to the database in the words of libpq's environment variables, for programs that are not
//! ours (PostgreSQL, "Environment Variables"). Other users of a machine see the arguments of a
//! program, and not its environment.

use tokio_postgres::config::{Host, TargetSessionAttrs};

use super::{Settings, TlsMode};

impl Settings {
    /// Name and value of each variable; the value of `PGPASSWORD` is a secret.
    pub fn libpq_environment(&self) -> Vec<(&'static str, String)> {
        let driver = &self.driver;
        let joined = |all: &[String]| all.join(",");
        let hosts: Vec<String> = driver.get_hosts().iter().map(host).collect();
        let addresses: Vec<String> =
            driver.get_hostaddrs().iter().map(ToString::to_string).collect();
        let ports: Vec<String> = driver.get_ports().iter().map(ToString::to_string).collect();
        let lists = [("PGHOST", hosts), ("PGHOSTADDR", addresses), ("PGPORT", ports)];
        let lists = lists.into_iter().filter(|(_, all)| !all.is_empty());
        let mut variables: Vec<_> = lists.map(|(name, all)| (name, joined(&all))).collect();
        let password = driver.get_password().map(String::from_utf8_lossy);
        let texts = [
            ("PGUSER", driver.get_user().map(str::to_owned)),
            ("PGPASSWORD", password.map(std::borrow::Cow::into_owned)),
            ("PGDATABASE", driver.get_dbname().map(str::to_owned)),
            ("PGSSLROOTCERT", self.authorities.as_ref().map(|file| file.display().to_string())),
        ];
        variables.extend(texts.into_iter().filter_map(|(name, text)| Some((name, text?))));
        variables.push(("PGSSLMODE", tls(self.tls).to_owned()));
        if driver.get_target_session_attrs() == TargetSessionAttrs::ReadWrite {
            variables.push(("PGTARGETSESSIONATTRS", "read-write".to_owned()));
        }
        variables
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    }
}

const fn tls(mode: TlsMode) -> &'static str {
    match mode {
        TlsMode::Disable => "disable",
        TlsMode::Prefer => "prefer",
        TlsMode::Require => "require",
        TlsMode::VerifyAuthority => "verify-ca",
        TlsMode::VerifyFull => "verify-full",
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn what_a_url_says_is_said_in_variables() {
        let of = |url: &str| {
            let settings = Settings::parse(url).expect("a URL");
            let variables = settings.libpq_environment().into_iter();
            variables.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            of(
                "postgres://ada:p%3Fw@a.example,b.example:6432/personas?pool_max=3&sslrootcert=/ca.pem"
            ),
            [
                "PGHOST=a.example,b.example",
                "PGPORT=5432,6432",
                "PGUSER=ada",
                "PGPASSWORD=p?w",
                "PGDATABASE=personas",
                "PGSSLROOTCERT=/ca.pem",
                "PGSSLMODE=verify-full",
                "PGTARGETSESSIONATTRS=read-write",
            ]
        );
        assert_eq!(
            of("postgres://%2Frun%2Fpostgresql/personas?target_session_attrs=any"),
            ["PGHOST=/run/postgresql", "PGPORT=5432", "PGDATABASE=personas", "PGSSLMODE=prefer"]
        );
    }
}
