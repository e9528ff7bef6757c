//! The binary: everything is in the library, so that tests can run it too.

use std::{process::ExitCode, sync::Arc};

use keyward::{
    app::{App, Listeners},
    config::Settings,
    domain::clock::SystemClock,
    telemetry,
};

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("keyward: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let (settings, _) = Settings::load(None)?;
    telemetry::log(&settings.log)?;
    let metrics = telemetry::metrics()?;
    let listeners = Listeners::bind(&settings.server)?;
    let app = App::open(settings, Arc::new(SystemClock), listeners.public_address()?).await?;
    if let Some(password) = app.auth().add_first_account().await? {
        eprintln!("The account admin was made; its password, shown this once: {}", password.expose());
    }
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    Ok(app.serve(listeners, metrics, stop).await?)
}
