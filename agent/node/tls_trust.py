"""TLS as a Go client does it towards an address, said with Python's `ssl`.

What is matched (Go, src/crypto/x509/verify.go and src/crypto/tls/handshake_client.go): no SNI for
an address, only iPAddress names count for it, TLS 1.2 or later, and any certificate that is
trusted ends a chain, be it an intermediate. `VERIFY_X509_STRICT` is off: Go has no such checks,
and would accept, for one, a CA without keyUsage.
"""

import ssl
from contextlib import suppress
from enum import IntEnum
from functools import lru_cache

from agent.errors import Reason


class VerifyCode(IntEnum):
    """The codes that are told apart: X509_V_ERR_*, OpenSSL include/openssl/x509_vfy.h."""

    UNABLE_TO_GET_ISSUER_CERT = 2
    CERT_SIGNATURE_FAILURE = 7
    CERT_NOT_YET_VALID = 9
    CERT_HAS_EXPIRED = 10
    DEPTH_ZERO_SELF_SIGNED_CERT = 18
    SELF_SIGNED_CERT_IN_CHAIN = 19
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20
    UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21
    IP_ADDRESS_MISMATCH = 64


REASONS = {
    VerifyCode.UNABLE_TO_GET_ISSUER_CERT: Reason.UNKNOWN_AUTHORITY,
    VerifyCode.CERT_SIGNATURE_FAILURE: Reason.UNKNOWN_AUTHORITY,
    VerifyCode.CERT_NOT_YET_VALID: Reason.CERTIFICATE_NOT_YET_VALID,
    VerifyCode.CERT_HAS_EXPIRED: Reason.CERTIFICATE_EXPIRED,
    VerifyCode.DEPTH_ZERO_SELF_SIGNED_CERT: Reason.UNKNOWN_AUTHORITY,
    VerifyCode.SELF_SIGNED_CERT_IN_CHAIN: Reason.UNKNOWN_AUTHORITY,
    VerifyCode.UNABLE_TO_GET_ISSUER_CERT_LOCALLY: Reason.UNKNOWN_AUTHORITY,
    VerifyCode.UNABLE_TO_VERIFY_LEAF_SIGNATURE: Reason.UNKNOWN_AUTHORITY,
    VerifyCode.IP_ADDRESS_MISMATCH: Reason.MISSING_IP_SAN,
}


def reason_of(error: ssl.SSLCertVerificationError) -> Reason:
    """Name why a certificate was refused; `tls-failed` for what has no name of its own."""
    with suppress(ValueError):
        return REASONS[VerifyCode(error.verify_code)]
    return Reason.TLS_FAILED


@lru_cache(maxsize=4)  # 1.5 ms with a small bundle; what is trusted seldom changes
def client_context(ders: tuple[bytes, ...]) -> ssl.SSLContext:
    """Make a context that trusts exactly these certificates, none of the agent's own image.

    A certificate that OpenSSL cannot read is left out, as Go's `AppendCertsFromPEM` does; with
    none left, every server is of an unknown authority.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for der in ders:
        with suppress(ssl.SSLError, ValueError):
            context.load_verify_locations(cadata=der)
    return context
