//! The region as one HTTP service for any number of listeners.
//!
//! `exchange` answers calls, `/_region/…` is the control API, `/_mlflow/…` is mounted in front of
//! this service by the machine half.

use crate::api::Caller;
use crate::backend::{Builder, Machines, RootFs, TrackingServers};
use crate::clock::Clock;
use crate::elsewhere::Place;
use crate::faults::Faults;
use crate::forward::Forward;
use crate::recorder::Recorder;
use crate::rules::Rules;
use crate::session::grants::Grants;
use crate::settings::{Setting, SettingError};
use crate::sigv4::{Authorization, SignatureError};
use crate::state::State;
use crate::throttle::Throttle;
use crate::windows::Windows;
use crate::{control, debian, exchange, s3};
use axum::Router;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a region is made of.
#[derive(Clone)]
pub struct RegionConfig {
    /// Folder for S3 objects (`<state_dir>/s3/<bucket>/<key>`).
    pub state_dir: PathBuf,
    /// Region name; `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
    /// The laptop's access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// What clients call us, for URLs in answers.
    pub endpoint_url: String,
    /// Header `x-nixl-region-token` of the control API.
    pub control_token: String,
    /// Real machines.
    pub machines: Arc<dyn Machines>,
    /// Image builds.
    pub builder: Arc<dyn Builder>,
    /// MLflow servers.
    pub tracking: Arc<dyn TrackingServers>,
    /// The Debian image every account sees.
    pub base_image: RootFs,
    /// Every exchange is appended to this file.
    pub record: Option<PathBuf>,
}

/// A running region; clones share it.
#[derive(Clone)]
pub struct Region {
    pub(crate) inner: Arc<Inner>,
}

/// What operations share.
pub struct Inner {
    /// Settings.
    pub config: RegionConfig,
    /// Rules in force.
    pub rules: Rules,
    /// Windows of eventual consistency.
    pub windows: Windows,
    /// Sessions of Session Manager.
    pub sessions: Grants,
    /// The region's clock.
    pub clock: Clock,
    pub(crate) firewall: crate::firewall::Keeper,
    /// Faults that are set.
    pub faults: Faults,
    /// Buckets of request throttling.
    pub throttle: Throttle,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) forward: Forward,
    state: Mutex<State>,
    pub(crate) s3: Arc<s3::Objects>,
    pub(crate) place: Place,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Inner {
    /// The state. A panic while it was held leaves plain data behind, so a
    /// poisoned lock is still good.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another region of the account.
    pub(crate) fn elsewhere(home: &Arc<Self>, name: &str) -> Self {
        let config = RegionConfig { region: name.to_owned(), ..home.config.clone() };
        let rules = home.rules.clone();
        let mut state = State::new(rules.clone());
        debian::register(&mut state, &config);
        Self {
            config,
            sessions: Grants::new(rules.clone(), home.clock.clone()),
            rules,
            windows: home.windows.clone(),
            clock: home.clock.clone(),
            firewall: Default::default(),
            faults: Faults::default(),
            throttle: Throttle::default(),
            recorder: None,
            state: Mutex::new(state),
            s3: home.s3.clone(),
            forward: Forward::default(),
            place: Place::beside(home),
            runtime: home.runtime.clone(),
        }
    }

    /// Folder of S3 objects.
    #[must_use]
    pub fn s3_root(&self) -> PathBuf {
        self.config.state_dir.join("s3")
    }
}

impl Region {
    /// A new, empty region. Must be called inside a tokio runtime, in which its
    /// machines, builds and servers will be started.
    ///
    /// # Errors
    /// If the folder for S3 or the file to record to cannot be made.
    pub fn new(config: RegionConfig) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Handle::current();
        let s3_root = config.state_dir.join("s3");
        std::fs::create_dir_all(&s3_root).map_err(|error| {
            anyhow::anyhow!("cannot make the folder {}: {error}", s3_root.display())
        })?;
        let recorder = config.record.as_deref().map(|path| {
            Recorder::append_to(path)
                .map_err(|error| anyhow::anyhow!("cannot record to {}: {error}", path.display()))
        });
        let recorder = recorder.transpose()?;
        let rules = Rules::default();
        let mut state = State::new(rules.clone());
        debian::register(&mut state, &config);
        let objects = Arc::new(s3::Objects::new(&s3_root)?);
        let clock = Clock::default();
        Ok(Self {
            inner: Arc::new_cyclic(|weak| {
                objects.attach(weak.clone());
                Inner {
                    config,
                    sessions: Grants::new(rules.clone(), clock.clone()),
                    rules,
                    windows: Windows::default(),
                    clock,
                    firewall: Default::default(),
                    faults: Faults::default(),
                    throttle: Throttle::default(),
                    recorder,
                    forward: Forward::default(),
                    state: Mutex::new(state),
                    s3: objects,
                    place: Place::default(),
                    runtime,
                }
            }),
        })
    }

    /// The HTTP service, to be served on any number of listeners.
    pub fn service(&self) -> Router {
        control::router(&self.inner).fallback(exchange::serve).with_state(self.inner.clone())
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.inner.rules.clone()
    }

    /// Sessions of Session Manager, for who serves their streams.
    #[must_use]
    pub fn sessions(&self) -> Grants {
        self.inner.sessions.clone()
    }

    /// Sets what `nixl-region set` sets.
    ///
    /// # Errors
    /// If there is nothing of that name.
    pub fn set(&self, setting: &Setting) -> Result<(), SettingError> {
        setting.apply(&self.inner)
    }

    /// The region's clock, for who times something by it.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.inner.clock.clone()
    }

    /// Terminates all machines and deletes all tracking servers.
    pub async fn shutdown(&self) {
        crate::lifecycle::shutdown(&self.inner).await;
    }
}

/// The secret behind an access key, and whose it is.
pub(crate) fn secret_of(
    region: &Inner,
    auth: &Authorization,
) -> Result<(String, Caller), SignatureError> {
    secret_of_key(region, &auth.access_key_id, auth.session_token.as_deref())
}

/// The same from key and session token, as S3 knows them.
pub(crate) fn secret_of_key(
    region: &Inner,
    access_key_id: &str,
    session_token: Option<&str>,
) -> Result<(String, Caller), SignatureError> {
    if access_key_id == region.config.access_key_id {
        return match session_token {
            None => Ok((region.config.secret_access_key.clone(), Caller::Administrator)),
            Some(_) => Err(SignatureError::UnknownKey),
        };
    }
    let state = region.state();
    let session = state.sessions.find(access_key_id).ok_or(SignatureError::UnknownKey)?;
    if session_token != Some(session.credentials.session_token.as_str()) {
        return Err(SignatureError::UnknownKey);
    }
    let now = if session.of_instance { jiff::Timestamp::now() } else { region.clock.now() };
    if session.expires <= now && region.rules.on(&crate::rules::iam::SESSION_ENDS) {
        return Err(SignatureError::ExpiredToken);
    }
    let role = state.iam.roles.get(&session.role_name).ok_or(SignatureError::UnknownKey)?;
    let caller = Caller::Session {
        role_name: role.name.clone(),
        role_id: role.id.clone(),
        session_name: session.name.clone(),
        of_instance: session.of_instance,
    };
    Ok((session.credentials.secret_access_key.clone(), caller))
}
