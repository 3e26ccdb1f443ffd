/**
 * The HTTP server of buckets: S3 by path (`/<bucket>/<key>`) or by host (`<bucket>.<domain>`), public objects, and web sites by host.
 *
 * 1. A web site has an origin of its own; what a browser gets of a bucket by path runs no script and sees no cookie of anybody's.
 * 2. What goes out is counted to the database that the bucket is of; also when its client went away in the middle.
 * 3. A slow client holds its own connection and nothing else.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { asNebulaError, type Observe } from "../../platform/core/index.ts";
import { claimedBy, type Signable } from "../../platform/files/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import { makeHttpsServer, type ServingTls } from "../tls/index.ts";
import { plainAddress } from "../wire/index.ts";
import { type AdmitDeps, type Admitted, admit, mostTextBytes } from "./admit.ts";
import { accessDenied, type Refused, refused, sayRefused } from "./answer.ts";
import type { Bucket } from "./buckets.ts";
import { corsFor, preflight } from "./cors.ts";
import { keysToDelete, readWhole } from "./delete-list.ts";
import { filesPortTaken } from "./errors.ts";
import { passBack, relay } from "./relay.ts";
import { BodyRefused } from "./unchunk.ts";
import type { Upstream } from "./upstream.ts";
import { isSite, pageAt } from "./website.ts";

export type Counted = { bytesIn: number; bytesOut: number };

export type FilesWebOptions = Omit<AdmitDeps, "upstream"> & {
  readonly upstream: Upstream;
  /** Host names under it are buckets. */
  readonly domain: string;
  /** Absent: in clear. */
  readonly tls?: ServingTls;
  readonly account: (id: DatabaseId) => Counted;
  readonly observe: Observe;
};

export type FilesWeb = {
  /** @throws NEB796 */
  listen(port: number, host: string): Promise<number>;
  close(limitMs?: number): Promise<void>;
};

const waits = { headersTimeout: 10_000, requestTimeout: 3_600_000, keepAliveTimeout: 65_000, maxHeaderSize: 32 * 1024 };
const idleMs = 120_000;
const own = {
  "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'",
};

export function makeFilesWeb(options: FilesWebOptions): FilesWeb {
  const onRequest = (request: IncomingMessage, response: ServerResponse) => void serve(options, request, response);
  const { tls } = options;
  const server: Server = tls === undefined ? createServer(waits, onRequest) : makeHttpsServer(tls, waits, onRequest);
  server.timeout = idleMs;
  server.maxConnections = 5_000;
  return {
    listen: (port, host) => listen(server, port, host),
    async close(limitMs = 0) {
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), limitMs);
      await ended;
      clearTimeout(cut);
    },
  };
}

async function serve(options: FilesWebOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  const beganMs = options.clock.monotonicMs();
  const refuse = (why: Refused) => {
    sayRefused(response, why, request.method === "HEAD");
    options.observe({ kind: "files.refused", code: why.code, status: why.status });
  };
  try {
    const answer = await answerTo(options, request, response);
    if ("code" in answer) return refuse(answer);
    const durationMs = options.clock.monotonicMs() - beganMs;
    const said = { method: request.method ?? "GET", status: response.statusCode, durationMs };
    options.observe({ kind: "files.request", instance: answer.of, ...said });
  } catch (thrown) {
    if (response.destroyed || (request.destroyed && !request.complete)) return; // its client went away
    if (thrown instanceof BodyRefused) return refuse(refused("SignatureDoesNotMatch", thrown.message));
    const { code, message } = asNebulaError(thrown);
    options.observe({ kind: "fault", where: "files.request", code, message });
    const away = code === "NEB795" || code === "NEB773"; // NEB773: nobody says what the key may do
    refuse(away ? refused("ServiceUnavailable", message) : refused("InternalError", code));
  }
}

/** Answered, for a bucket of this database. */
type Served = { readonly of: DatabaseId };

async function answerTo(
  options: FilesWebOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Refused | Served> {
  const signable = readSignable(request);
  const byHost = bucketByHost(signable.headers.host, options.domain);
  const site = byHost === undefined ? undefined : await options.buckets.find(byHost);
  if (request.method === "OPTIONS") return answerPreflight(options, signable, byHost, response);
  if (site !== undefined && isSite(site) && claimedBy(signable) === undefined)
    return showPage(options, site, signable, response);
  // by host the bucket is not in the path that was signed: only sites are served so, S3 is by path
  if (byHost !== undefined) return accessDenied;
  const admitted = await admit(options, signable, plainAddress(request.socket.remoteAddress));
  if ("code" in admitted) return admitted;
  return passOn(options, admitted, signable, request, response);
}

async function passOn(
  options: FilesWebOptions,
  admitted: Admitted,
  signable: Signable,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Refused | Served> {
  const { bucket, signed, operation } = admitted;
  let whole: Buffer | undefined;
  if (operation.names === true) {
    whole = await readWhole(request, mostTextBytes);
    if (whole === undefined || keysToDelete(whole) === undefined)
      return refused("MalformedXML", "The list holds what is no object's name, or is not the list that S3 describes");
  }
  await options.buckets.ready(bucket);
  const account = options.account(bucket.id);
  const answer = await relay(options.upstream, request, signable, admitted, whole);
  account.bytesIn += Number(request.headers["content-length"] ?? 0);
  const more = { ...(signed?.claimed.how === "header" ? {} : own), ...corsFor(bucket, signable.headers.origin) };
  await passBack(answer, response, more, (bytes) => {
    account.bytesOut += bytes;
  });
  return { of: bucket.id };
}

async function showPage(
  options: FilesWebOptions,
  bucket: Bucket,
  { method, path, headers }: Signable,
  response: ServerResponse,
): Promise<Refused | Served> {
  if (method !== "GET" && method !== "HEAD") return refused("MethodNotAllowed", "A web site is read");
  await options.buckets.ready(bucket);
  const page = await pageAt(options.upstream, bucket, { method, path, headers });
  if (page.kind === "nothing") return { ...refused("NoSuchKey", "There is no such page"), status: 404 };
  const more = corsFor(bucket, headers.origin);
  if (page.kind === "moved") {
    response.writeHead(302, { location: page.location, "content-length": 0, ...more }).end();
    return { of: bucket.id };
  }
  const account = options.account(bucket.id);
  const count = (bytes: number) => {
    account.bytesOut += bytes;
  };
  await passBack(page.answer, response, more, count, page.status);
  return { of: bucket.id };
}

async function answerPreflight(
  { buckets }: FilesWebOptions,
  { path, headers }: Signable,
  byHost: string | undefined,
  response: ServerResponse,
): Promise<Refused | Served> {
  const bucket = await buckets.find(byHost ?? path.split("/")[1] ?? "");
  const allowed = bucket === undefined ? undefined : preflight(bucket, headers);
  if (bucket === undefined || allowed === undefined) return accessDenied;
  response.writeHead(204, allowed).end();
  return { of: bucket.id };
}

function readSignable(request: IncomingMessage): Signable {
  const [path = "/", query = ""] = (request.url ?? "/").split(/\?(.*)/s);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(",");
  return { method: request.method ?? "GET", path, query, headers };
}

function bucketByHost(host: string | undefined, domain: string): string | undefined {
  const name = (host ?? "").toLowerCase().replace(/:\d+$/, "");
  const label = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : "";
  return /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(label) ? label : undefined;
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const failed = (thrown: NodeJS.ErrnoException) =>
      reject(
        thrown.code === "EADDRINUSE" ? filesPortTaken(`port ${port} on ${host} is in use`, { cause: thrown }) : thrown,
      );
    server.once("error", failed).listen(port, host, () => {
      server.off("error", failed);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
