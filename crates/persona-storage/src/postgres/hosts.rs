//! Finds the host that answers. Hosts are tried in order, and a silent host does not delay the
//! others: the next one is tried beside it after a moment. The one that answered last is tried
//! first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_postgres::config::LoadBalanceHosts;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::driver_error::DriverError;
use super::error::worth;
use super::url_parameters::CONNECT_WAIT_MAX;

/// How long a host may be silent before the next one is tried beside it: longer than a distant host
/// needs, and short compared to the time in which writes must work again after a failover.
const HEAD_START: Duration = Duration::from_secs(1);

/// The part of a connection that a task has to drive.
pub(super) type Driven = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;
/// A new connection, not yet driven by a task.
pub(super) type Made = (Client, Driven);

/// The hosts of a URL, and which of them is good.
#[derive(Default)]
pub(super) struct Hosts {
    good: AtomicUsize,
}

impl Hosts {
    /// Connects to the first host that answers and is of the wanted kind.
    ///
    /// # Errors
    ///
    /// No host is; the most informative of their errors.
    pub(super) async fn connect(
        &self,
        config: &Config,
        tls: &MakeRustlsConnect,
    ) -> Result<Made, DriverError> {
        let count = config.get_hosts().len().max(config.get_hostaddrs().len()).max(1);
        let first = match config.get_load_balance_hosts() {
            LoadBalanceHosts::Random => any_below(count),
            _ => self.good.load(Ordering::Relaxed) % count,
        };
        let mut untried = (0..count).map(|offset| (first + offset) % count);
        // Dropping it ends the attempts that are not needed any more.
        let mut attempts = JoinSet::new();
        let mut worst: Option<DriverError> = None;
        let mut next = untried.next();
        loop {
            if let Some(index) = next.take() {
                let (only, tls) = (only(config, index), tls.clone());
                attempts.spawn(async move { (index, connect(&only, tls).await) });
            }
            let done = tokio::time::timeout(HEAD_START, attempts.join_next()).await;
            match done {
                Ok(Some(Ok((index, Ok(made))))) => {
                    self.good.store(index, Ordering::Relaxed);
                    return Ok(made);
                }
                Ok(Some(Ok((_, Err(error))))) => {
                    if worst.as_ref().is_none_or(|known| worth(&error) > worth(known)) {
                        worst = Some(error);
                    }
                    next = untried.next();
                }
                // The running attempts have had their time, so the next host is tried beside them.
                // An attempt that panicked was reported by the panic hook, and counts as silent.
                Err(_) | Ok(Some(Err(_))) => next = untried.next(),
                Ok(None) => return Err(worst.unwrap_or(DriverError::Silent)),
            }
        }
    }
}

/// Connects to the one host, in the time that one host has. The driver's own limit ends as soon as
/// the host accepts the connection, which is before the server has answered.
async fn connect(config: &Config, tls: MakeRustlsConnect) -> Result<Made, DriverError> {
    let wait = config.get_connect_timeout().copied().unwrap_or(CONNECT_WAIT_MAX);
    match tokio::time::timeout(wait, config.connect(tls)).await {
        Ok(made) => made.map_err(DriverError::Connect),
        Err(_) => Err(DriverError::Silent),
    }
}

/// The same settings for one of the hosts. The driver can add hosts to a configuration and take
/// none away.
fn only(all: &Config, index: usize) -> Config {
    let mut config = Config::new();
    if let Some(user) = all.get_user() {
        config.user(user);
    }
    if let Some(password) = all.get_password() {
        config.password(password);
    }
    if let Some(database) = all.get_dbname() {
        config.dbname(database);
    }
    if let Some(options) = all.get_options() {
        config.options(options);
    }
    if let Some(name) = all.get_application_name() {
        config.application_name(name);
    }
    match all.get_hosts().get(index) {
        Some(tokio_postgres::config::Host::Tcp(name)) => drop(config.host(name)),
        Some(tokio_postgres::config::Host::Unix(folder)) => drop(config.host_path(folder)),
        None => {}
    }
    if let Some(address) = all.get_hostaddrs().get(index) {
        config.hostaddr(*address);
    }
    if let Some(port) = all.get_ports().get(index).or(all.get_ports().first()) {
        config.port(*port);
    }
    if let Some(wait) = all.get_connect_timeout() {
        config.connect_timeout(*wait);
    }
    if let Some(wait) = all.get_tcp_user_timeout() {
        config.tcp_user_timeout(*wait);
    }
    config.keepalives(all.get_keepalives()).keepalives_idle(all.get_keepalives_idle());
    if let Some(pause) = all.get_keepalives_interval() {
        config.keepalives_interval(pause);
    }
    if let Some(times) = all.get_keepalives_retries() {
        config.keepalives_retries(times);
    }
    config
        .ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding());
    config
        .target_session_attrs(all.get_target_session_attrs())
        .load_balance_hosts(all.get_load_balance_hosts());
    config
}

/// A number at random; the first when the system has none.
fn any_below(count: usize) -> usize {
    let mut byte = [0];
    getrandom::fill(&mut byte).map_or(0, |()| usize::from(byte[0]) % count)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::only;
    use tokio_postgres::Config;

    #[test]
    fn one_host_of_several_keeps_every_other_setting() {
        let rest = "user=ada password=secret dbname=personas options='-c a=b' application_name=x sslmode=require connect_timeout=7 \
                    tcp_user_timeout=8 keepalives=0 keepalives_idle=9 keepalives_interval=10 keepalives_retries=11 \
                    target_session_attrs=read-write channel_binding=disable load_balance_hosts=random sslnegotiation=direct";
        let all = Config::from_str(&format!(
            "host=a,/run,c port=1,2,3 hostaddr=10.0.0.1,10.0.0.2,10.0.0.3 {rest}"
        ))
        .expect("settings");
        for (index, host) in ["a", "/run", "c"].into_iter().enumerate() {
            let place = format!("host={host} port={} hostaddr=10.0.0.{}", index + 1, index + 1);
            assert_eq!(
                only(&all, index),
                Config::from_str(&format!("{place} {rest}")).expect("settings")
            );
        }
        let all = Config::from_str(&format!("host=a,b port=7 {rest}")).expect("settings");
        assert_eq!(
            only(&all, 1),
            Config::from_str(&format!("host=b port=7 {rest}")).expect("settings")
        );
    }
}
