//! `connect-standalone worker.properties [connector.properties|connector.json …]`

use std::process::ExitCode;

fn main() -> ExitCode {
    // The one TLS provider of this process; a second install is refused, and there is none.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    connect::standalone::main(std::env::args_os())
}
