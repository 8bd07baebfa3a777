//! The processes that serve a point, on the servers' core.

use std::net::SocketAddr;

use crate::Outcome;
use crate::arguments::{Role, SuiteArguments};
use crate::child::{Placement, Ready, Running, SERVER_CORE};
use crate::what::What;

/// One process and where it listens.
pub(crate) struct Server {
    running: Running,
    address: SocketAddr,
}

/// All processes that serve a point.
pub(crate) struct Servers {
    /// What the client dials: each limit, or the master of all the others.
    pub(crate) addresses: Vec<SocketAddr>,
    running: Vec<Running>,
    /// What they have started, such as a broker.
    helpers: Vec<u32>,
}

impl Server {
    /// Starts one in that role; an instance joins `master`.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start(role: Role, master: Option<SocketAddr>, lanes: usize) -> Outcome<Self> {
        let mut arguments = vec!["serve".to_owned(), "--role".to_owned(), role.name().to_owned()];
        arguments.extend(["--lanes".to_owned(), lanes.to_string()]);
        if let Some(master) = master {
            arguments.extend(["--master".to_owned(), master.to_string()]);
        }
        let placement = Placement { core: SERVER_CORE, nice: false };
        let mut running = Running::start(None, placement, &arguments)?;
        let address = running.line()?;
        Ok(Self { running, address })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }
}

impl Servers {
    /// Starts all that `what` needs.
    ///
    /// # Errors
    /// One of them does not start.
    pub(crate) fn start(what: What, suite: &SuiteArguments) -> Outcome<Self> {
        let (count, lanes) = (what.instances(), suite.lanes);
        let servers = match what {
            What::Limit | What::Limit8 => {
                let servers = (0..count).map(|_| Server::start(Role::Limit, None, lanes));
                servers.collect::<Outcome<Vec<_>>>()?
            }
            What::Pieces => vec![Server::start(Role::Pieces, None, lanes)?],
            What::Link => vec![Server::start(Role::Link, None, lanes)?],
            What::Call | What::CallJson | What::Alone | What::Beside | What::Metrics => {
                vec![Server::start(Role::Call, None, lanes)?]
            }
            What::Plain => vec![Server::start(Role::Plain, None, lanes)?],
            What::Single32 | What::Broadcast32 => vec![Server::start(Role::Crowd, None, lanes)?],
            What::Eight => {
                let master = Server::start(Role::Master, None, lanes)?;
                let address = master.address;
                let mut running = vec![master.running];
                for _ in 0..count {
                    running.push(Server::start(Role::Instance, Some(address), lanes)?.running);
                }
                return Ok(Self { addresses: vec![address], running, helpers: Vec::new() });
            }
            What::Nats | What::Tonic | What::Ractor | What::Telepathy => {
                return Self::of_peer(what, suite);
            }
        };
        let addresses = servers.iter().map(Server::address).collect();
        let running = servers.into_iter().map(|server| server.running).collect();
        Ok(Self { addresses, running, helpers: Vec::new() })
    }

    fn of_peer(what: What, suite: &SuiteArguments) -> Outcome<Self> {
        let arguments = ["serve", "--role", what.name()].map(str::to_owned);
        let placement = Placement { core: SERVER_CORE, nice: false };
        let mut running = Running::start(suite.program_of(what), placement, &arguments)?;
        let Ready { address, helpers } = running.line()?;
        Ok(Self { addresses: vec![address], running: vec![running], helpers })
    }

    /// Their numbers.
    pub(crate) fn pids(&self) -> impl Iterator<Item = u32> {
        self.running.iter().map(Running::pid).chain(self.helpers.iter().copied())
    }
}

impl What {
    /// Those that the same servers serve have the same one.
    pub(crate) fn served_with(self) -> Self {
        match self {
            Self::CallJson | Self::Alone | Self::Beside | Self::Metrics => Self::Call,
            Self::Broadcast32 => Self::Single32,
            what => what,
        }
    }

    /// Whether its servers stay for other points. Many would disturb those, and what peers do
    /// while nobody calls is not ours to say.
    pub(crate) fn keeps_servers(self) -> bool {
        self.instances() == 1 && !self.is_peer()
    }
}
