/** What the gateway shows of itself: a certificate with its key, from files, replaced whole when the files change. */
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { type FSWatcher, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { type Clock, type Observe, reportFault } from "../../platform/core/index.ts";
import { ensureOwnCertificate, tlsFiles } from "./authority.ts";
import { certificateUnusable } from "./errors.ts";

export type Identity = {
  readonly context: SecureContext;
  /** What the context is made of, for servers that make their own. */
  readonly options: SecureContextOptions;
  /** `tls-server-end-point` (RFC 5929): the hash of the certificate, by its own signature's hash. */
  readonly binding: Buffer;
};

export type Certificates = {
  current(): Identity;
  /** For others who serve with them (PgBouncer). Changes come with `onChange`. */
  readonly files: { readonly cert: string; readonly key: string };
  onChange(listener: () => void): void;
  /** Reads the files again; what cannot be used is reported, and the old certificate stays. Whether it changed. */
  reload(): Promise<boolean>;
  close(): void;
};

export type CertificateOptions = {
  readonly dataDir: string;
  /** Host names and addresses of the gateway's own certificate; `*.` for one label. */
  readonly names: readonly string[];
  /** A certificate from elsewhere in place of our own. */
  readonly given?: { readonly cert: string; readonly key: string };
  readonly clock: Clock;
  readonly observe: Observe;
  /** How soon after a change the files are read; writers need a moment for two files. */
  readonly settleMs?: number;
};

const renewEveryMs = 12 * 3_600_000;

/** @throws NEB701 when there is none that can be used. */
export async function openCertificates(options: CertificateOptions): Promise<Certificates> {
  const { dataDir, names, given, clock, observe, settleMs = 200 } = options;
  const files = given ?? tlsFiles(dataDir);
  const renew = async () => {
    if (given === undefined) await ensureOwnCertificate({ dataDir, names, nowMs: clock.now() });
  };
  await renew();
  let loaded = await load(files);
  const listeners: (() => void)[] = [];
  const tell = () => {
    const { fingerprint, validTo } = loaded;
    observe({ kind: "tls.loaded", fingerprint, validTo, own: given === undefined });
  };
  tell();

  const reload = async (): Promise<boolean> => {
    try {
      await renew();
      const fresh = await load(files);
      if (fresh.fingerprint === loaded.fingerprint) return false;
      loaded = fresh;
      tell();
      for (const listener of listeners) listener();
      return true;
    } catch (thrown) {
      reportFault(observe, "gateway.tls", thrown);
      return false;
    }
  };

  let timer: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void reload(), settleMs);
  };
  const watchers = watchFiles([files.cert, files.key], soon);
  const renewing = setInterval(() => void reload(), renewEveryMs);
  return {
    current: () => loaded.identity,
    files: { cert: files.cert, key: files.key },
    onChange: (listener) => void listeners.push(listener),
    reload,
    close() {
      clearTimeout(timer);
      clearInterval(renewing);
      for (const watcher of watchers) watcher.close();
    },
  };
}

type Loaded = { readonly identity: Identity; readonly fingerprint: string; readonly validTo: string };

async function load({ cert, key }: { readonly cert: string; readonly key: string }): Promise<Loaded> {
  const read = (path: string) =>
    readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
      throw certificateUnusable(`${path} cannot be read (${cause.code})`, { cause });
    });
  const [certText, keyText] = [await read(cert), await read(key)];
  try {
    const leaf = new X509Certificate(certText);
    if (!leaf.checkPrivateKey(createPrivateKey(keyText))) throw new Error("the key is another certificate's");
    const options: SecureContextOptions = { cert: certText, key: keyText, minVersion: "TLSv1.2" };
    const context = createSecureContext(options);
    const identity = { context, options, binding: createHash(bindingHash(leaf)).update(leaf.raw).digest() };
    return { identity, fingerprint: leaf.fingerprint256, validTo: new Date(leaf.validTo).toISOString() };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw certificateUnusable(`${cert} and ${key} are no usable pair: ${why}`, { cause });
  }
}

/** Object identifiers of signatures by the two other hashes in use: RSA and ECDSA. All else counts as SHA-256 (RFC 5929). */
const hashes: Readonly<Record<string, string>> = {
  "2a864886f70d01010c": "sha384",
  "2a864886f70d01010d": "sha512",
  "2a8648ce3d040303": "sha384",
  "2a8648ce3d040304": "sha512",
};

/** Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { OID, ... }, ... } */
function bindingHash({ raw }: X509Certificate): string {
  const toBeSigned = insideOf(raw, 0).from;
  const algorithm = insideOf(raw, insideOf(raw, toBeSigned).to).from;
  const { from, to } = insideOf(raw, algorithm);
  return hashes[raw.toString("hex", from, to)] ?? "sha256";
}

/** Where the content of the DER element at an offset begins and ends. */
function insideOf(bytes: Buffer, at: number): { readonly from: number; readonly to: number } {
  const first = bytes[at + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + lengthBytes;
  return { from, to: from + (lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes)) };
}

/** Folders, not files: what is put in place by rename is another file. A folder that cannot be watched is looked at at a SIGHUP. */
function watchFiles(paths: readonly string[], onChange: () => void): readonly FSWatcher[] {
  const byFolder = Map.groupBy(paths, dirname);
  return [...byFolder].flatMap(([folder, inside]) => {
    const names = new Set(inside.map((path) => basename(path)));
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        // Kubernetes swaps a link beside the files.
        if (name === null || names.has(name) || name.startsWith("..")) onChange();
      });
      return [watcher.on("error", () => undefined)];
    } catch {
      return [];
    }
  });
}
