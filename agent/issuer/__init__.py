"""The trust controller: issues certificates, publishes the CA, rotates both."""
