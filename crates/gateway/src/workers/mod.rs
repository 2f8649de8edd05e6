//! What runs by itself, each with a public `step`. No decisions here, and no HTTP.
