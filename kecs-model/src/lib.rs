//! Wire types, operation tables and codecs of the AWS services that KECS answers itself.
