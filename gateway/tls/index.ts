/**
 * The platform's certificate authority and the certificate of the gateway's endpoints. Owns `<data>/tls/`; does not own the TLS
 * handshake (gateway/wire, PgBouncer).
 */
export { ensureOwnCertificate, tlsFiles } from "./authority.ts";
export * from "./errors.ts";
export { makeHttpsServer, type ServingTls } from "./https.ts";
export { type CertificateOptions, type Certificates, type Identity, openCertificates } from "./identity.ts";
