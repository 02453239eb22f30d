//! One Azure storage account: where it is, how calls to it are signed, and the HTTP pipeline that its
//! queue, blob and table clients share.
