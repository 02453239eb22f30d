//! A Dataverse Web API to develop and test against.
