//! What the tests of adapters and of the gateway share: the conformance run and a provider in memory.
