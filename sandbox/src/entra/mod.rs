//! A small Microsoft Entra ID: registered applications and the tokens issued to them.

mod assertion;
mod device;
mod directory;
mod endpoint;
mod keys;
mod managed;
mod problem;
mod token;

pub(crate) use directory::{Application, Directory, Federation, Secret};
pub(crate) use endpoint::{Grant, answer_device, answer_metadata, answer_token};
pub(crate) use keys::{Certificate, PublicKey};
pub(crate) use managed::{IDENTITY_HEADER, IdentityRequest, answer_identity};
pub(crate) use token::{LIFETIME, Tokens};
