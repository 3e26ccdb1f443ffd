/**
 * The platform's own certificate authority and the certificate that it gives the gateway: EC P-256, made at first start, in
 * `<data>/tls/`. `ca.pem` is for clients (sslrootcert) and may be read by all; keys are ours alone.
 *
 * 1. The authority is made once: clients have been told to trust it. Losing its key means new trust for every client.
 * 2. The authority's names are constrained to nothing and its path length is 0: it signs servers, not authorities.
 * 3. Everything appears by rename; a kill leaves the old pair or the new one. The key stands before the certificate that needs it.
 */
import { randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";

export type TlsFiles = { readonly ca: string; readonly cert: string; readonly key: string };

export const tlsFiles = (dataDir: string): TlsFiles & { readonly folder: string; readonly caKey: string } => {
  const folder = join(dataDir, "tls");
  const at = (name: string) => join(folder, name);
  return { folder, ca: at("ca.pem"), caKey: at("ca.key"), cert: at("server.pem"), key: at("server.key") };
};

const dayMs = 86_400_000;
const authorityDays = 3650;
/** What today's verifiers accept at most. */
const serverDays = 397;
const renewBeforeMs = 60 * dayMs;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** Clocks differ. */
const leewayMs = 3_600_000;

export type OwnCertificate = { readonly dataDir: string; readonly names: readonly string[]; readonly nowMs: number };

/** Makes what is missing, ends soon, or lacks a name. Whether the server's certificate is a new one. */
export async function ensureOwnCertificate({ dataDir, names, nowMs }: OwnCertificate): Promise<boolean> {
  const files = tlsFiles(dataDir);
  await mkdir(files.folder, { recursive: true, mode: 0o711 });
  const authority = await readPair(files.ca, files.caKey);
  const server = await readPair(files.cert, files.key);
  if (authority !== undefined && server !== undefined && isGood(server, authority, names, nowMs)) return false;
  const { PemConverter, X509Certificate: Signer } = await loadX509();
  const issuer = authority ?? (await makeAuthority(files, nowMs));
  const caKey = await webcrypto.subtle.importKey("pkcs8", PemConverter.decodeFirst(issuer.key), algorithm, false, [
    "sign",
  ]);
  await makeServer(files, names, nowMs, { certificate: new Signer(issuer.cert), key: caKey });
  return true;
}

/** The library is loaded only when something has to be made: it costs a start 100 ms. It wants the reflection first. */
async function loadX509(): Promise<X509> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

type Pair = { readonly cert: string; readonly key: string };

async function readPair(cert: string, key: string): Promise<Pair | undefined> {
  try {
    return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
}

function isGood(server: Pair, authority: Pair, names: readonly string[], nowMs: number): boolean {
  try {
    const [own, issuer] = [new X509Certificate(server.cert), new X509Certificate(authority.cert)];
    const has = (name: string) => (isIP(name) === 0 ? own.checkHost(sample(name)) : own.checkIP(name)) !== undefined;
    const lasts = Date.parse(own.validTo) - nowMs > renewBeforeMs;
    return lasts && own.checkIssued(issuer) && own.verify(issuer.publicKey) && names.every(has);
  } catch {
    return false;
  }
}

/** A host that a wildcard stands for. */
const sample = (name: string): string => name.replace(/^\*\./, "any.");

async function makeAuthority({ ca, caKey }: { ca: string; caKey: string }, nowMs: number): Promise<Pair> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const name = `CN=NebulaDB platform CA ${randomBytes(4).toString("hex")}, O=NebulaDB`;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name,
    notBefore: new Date(nowMs - leewayMs),
    notAfter: new Date(nowMs + authorityDays * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pair = { cert: `${certificate.toString("pem")}\n`, key: await exportKey(keys.privateKey) };
  await put(caKey, pair.key, 0o600);
  await put(ca, pair.cert, 0o644);
  return pair;
}

type Issuer = { readonly certificate: InstanceType<X509["X509Certificate"]>; readonly key: webcrypto.CryptoKey };
type X509 = typeof import("@peculiar/x509");

async function makeServer(files: TlsFiles, names: readonly string[], nowMs: number, issuer: Issuer): Promise<void> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: "CN=NebulaDB gateway",
    issuer: issuer.certificate.subject,
    notBefore: new Date(nowMs - leewayMs),
    notAfter: new Date(nowMs + serverDays * dayMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: issuer.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
    ],
  });
  await put(files.key, await exportKey(keys.privateKey), 0o600);
  await put(files.cert, `${certificate.toString("pem")}\n`, 0o644);
}

/** Positive, and unguessable. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f || 1;
  return bytes.toString("hex");
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${bytes.match(/.{1,64}/g)?.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

async function put(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode, flush: true });
  await rename(`${path}.new`, path);
}
