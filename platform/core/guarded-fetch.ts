import { type IncomingMessage, Agent as PlainAgent, request as plainRequest, type RequestOptions } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { type Duplex, pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { type Address, hostOf, type Resolve, resolveSafely, safeUrl, type UrlPolicy, urlRefused } from "./safe-url.ts";

export type GuardOptions = {
  /** Of one request, redirects included. Default 10 s. */
  readonly timeoutMs?: number;
  /** Longest answer, unpacked. Default 64 MiB. */
  readonly maxBytes?: number;
  /** For tests: what a name resolves to, and what a connection to an address is. */
  readonly resolve?: Resolve;
  readonly connect?: (to: Address & { readonly port: number }) => Duplex;
};

const mostRedirects = 3;

/**
 * `fetch` that asks nobody whom the policy does not allow. A name is resolved once a connection, judged, and connected to at the
 * judged address, so that a second answer of the resolver changes nothing; redirects stay on their host. Idle connections are
 * kept five seconds and keep no process alive.
 * @throws NEB688; anything else is what the network said.
 */
export function guardedFetch(policy: UrlPolicy, options: GuardOptions = {}): typeof fetch {
  const { timeoutMs = 10_000, resolve, connect } = options;
  const kept = { keepAlive: true, scheduling: "lifo", timeout: 5_000 } as const;
  const agents = { "http:": new PlainAgent(kept), "https:": new TlsAgent(kept) } as const;
  if (connect !== undefined) for (const agent of Object.values(agents)) dialWith(agent, connect);

  const once = async (url: URL, init: Sent, signal: AbortSignal): Promise<Response> => {
    const addresses = await resolveSafely(url, policy, resolve);
    const [first] = addresses;
    if (first === undefined) throw new TypeError(`${hostOf(url)} has no address`);
    const isTls = url.protocol === "https:";
    const message = await send(isTls ? tlsRequest : plainRequest, init.body, {
      ...{ method: init.method, headers: init.headers, signal, agent: agents[isTls ? "https:" : "http:"] },
      ...{ host: hostOf(url), port: url.port || (isTls ? 443 : 80), path: `${url.pathname}${url.search}` },
      lookup: (_name, { all }, done) => (all ? done(null, [...addresses]) : done(null, first.address, first.family)),
    });
    return toResponse(message, url, options.maxBytes ?? 64 * 1024 * 1024);
  };

  return async (input, init = {}) => {
    const request = new Request(input, init);
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([timeout, request.signal]);
    const body = request.body === null ? undefined : Buffer.from(await request.arrayBuffer());
    const headers = { "accept-encoding": "gzip", ...Object.fromEntries(request.headers) };
    let url = safeUrl(request.url, policy);
    for (let redirects = 0; ; redirects++) {
      const response = await once(url, { method: request.method, headers, body }, signal).catch((thrown: unknown) => {
        throw timeout.aborted ? tooLate(url, timeoutMs) : thrown;
      });
      const next = nextOf(response, url, request);
      if (next === undefined) return response;
      if (redirects === mostRedirects) throw urlRefused(`${url.host} redirects again and again`);
      if (next.origin !== url.origin) throw urlRefused(`${url.host} redirects to another host: ${next.host}`);
      url = safeUrl(next.href, policy);
    }
  };
}

/** As a caller's own abort, so that nobody takes it for a connection that broke. */
const tooLate = (url: URL, timeoutMs: number) =>
  new DOMException(`${url.host} did not answer within ${timeoutMs} ms`, "AbortError");

type Sent = {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
};

function send(
  request: typeof plainRequest,
  body: Buffer | undefined,
  options: RequestOptions,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const sent = request({ ...options, headers: { ...options.headers, ...length } }, resolve);
    sent.on("error", reject);
    sent.end(body);
  });
}

/** The whole answer: one that breaks off is an error here, not later. */
async function toResponse(message: IncomingMessage, url: URL, maxBytes: number): Promise<Response> {
  const { statusCode: status = 500, statusMessage: statusText = "", headers } = message;
  const isPacked = headers["content-encoding"] === "gzip";
  const chunks: Buffer[] = [];
  let held = 0;
  const source = isPacked ? pipeline(message, createGunzip(), () => undefined) : message;
  for await (const chunk of source) {
    held += (chunk as Buffer).length;
    if (held > maxBytes) {
      message.destroy();
      throw new TypeError(`${url.host} answered more than ${maxBytes} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  if (!message.complete) throw new TypeError(`${url.host} broke off its answer`);
  const pairs = Object.entries(message.headersDistinct).flatMap(([name, values = []]) =>
    isPacked && /^content-(encoding|length)$/.test(name) ? [] : values.map((value): [string, string] => [name, value]),
  );
  const hasBody = status !== 204 && status !== 304;
  const response = new Response(hasBody ? Buffer.concat(chunks) : null, { status, statusText, headers: pairs });
  return Object.defineProperty(response, "url", { value: url.href });
}

/** Where a redirect leads, if it may be followed: what changes something is only sent again where the host says so. */
function nextOf(response: Response, from: URL, { method, redirect }: Request): URL | undefined {
  const location = response.headers.get("location");
  if (location === null || redirect === "manual") return undefined;
  const reads = method === "GET" || method === "HEAD";
  const followed =
    response.status === 307 || response.status === 308 || (reads && [301, 302].includes(response.status));
  return followed ? (URL.parse(location, from.href) ?? undefined) : undefined;
}

/** Lets a test see every connection, and where it would go. */
function dialWith(agent: PlainAgent, connect: NonNullable<GuardOptions["connect"]>): void {
  agent.createConnection = (options, done) => {
    const { host = "", port = 0, lookup } = options as RequestOptions & { host?: string };
    const dial = (address: string, family: number) =>
      connect({ address, family: family === 6 ? 6 : 4, port: Number(port) });
    if (lookup === undefined) return dial(host, host.includes(":") ? 6 : 4);
    lookup(host, { all: false }, (_error, address, family) => {
      const found = Array.isArray(address) ? address[0] : { address, family };
      done?.(null, dial(String(found?.address), Number(found?.family)));
    });
    return undefined;
  };
}
