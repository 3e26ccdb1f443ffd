import { isIP } from "node:net";
import cors from "cors";
import type { RequestHandler } from "express";
import helmet from "helmet";
import { badConfig } from "../../platform/core/index.ts";

/** How the portal is reached, which decides what a browser may do with it. */
export type Reachable = {
  /** Exact origins whose pages may call this API, for example `https://console.example.com`. */
  readonly origins: readonly string[];
  /** Addresses or blocks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  /** Browsers reach it by TLS: they are told never to come without. */
  readonly tls: boolean;
};

export const onLoopback: Reachable = { origins: [], trustedProxies: [], tls: false };

/**
 * From the process's settings: lists separated by commas, and the address that browsers use.
 * @throws NEB901 naming everything that is wrong
 */
export function resolveReachable(settings: {
  readonly origins: string;
  readonly trustedProxies: string;
  readonly publicUrl: string;
}): Reachable {
  const list = (text: string) => text.split(",").flatMap((each) => each.trim() || []);
  const [origins, trustedProxies] = [list(settings.origins), list(settings.trustedProxies)];
  const url = settings.publicUrl === "" ? null : URL.parse(settings.publicUrl);
  const problems = [
    ...origins
      .filter((one) => URL.parse(one)?.origin !== one)
      .map((one) => `NEBULA_CORS_ORIGINS: "${one}" is no origin`),
    ...trustedProxies
      .filter((one) => !isBlock(one))
      .map((one) => `NEBULA_TRUSTED_PROXIES: "${one}" is neither an address nor a block`),
    ...(url === null && settings.publicUrl !== "" ? ["NEBULA_PUBLIC_URL is no address"] : []),
  ];
  if (problems.length > 0) throw badConfig(problems.join("; "));
  return { origins, trustedProxies, tls: url?.protocol === "https:" };
}

function isBlock(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const year = 31_536_000;

/** Nothing may be loaded, framed or sent anywhere: an API's answers are data. A page names what it needs (`pagePolicy`). */
const apiPolicy = {
  useDefaults: false,
  directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] },
};

/** The security headers. None depends on the request, so Helmet is asked once and its answer is copied. */
export function securityHeaders({ tls }: Pick<Reachable, "tls">): RequestHandler {
  const fixed = new Map<string, string>();
  const record = {
    setHeader: (name: string, value: string) => void fixed.set(name, value),
    removeHeader: () => undefined,
  };
  helmet({
    contentSecurityPolicy: apiPolicy,
    strictTransportSecurity: tls && { maxAge: year, includeSubDomains: false },
    crossOriginResourcePolicy: { policy: "same-origin" },
    frameguard: { action: "deny" },
  })(record as never, record as never, (problem?: unknown) => {
    if (problem !== undefined) throw problem;
  });
  fixed.set("cache-control", "no-store");
  return (_request, response, next) => {
    for (const [name, value] of fixed) response.setHeader(name, value);
    next();
  };
}

/** What a page of ours needs, where it is served: its own style, by hash or file. */
export const pagePolicy = (style: string): string =>
  `default-src 'none'; style-src ${style}; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'`;

const shown = [
  "ETag",
  "Location",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "X-Request-Id",
  "Idempotency-Replayed",
];

/** Cross-origin reads and writes for the origins of the config, by exact name and with credentials; without any, for nobody. */
export function crossOrigin({ origins }: Pick<Reachable, "origins">): RequestHandler[] {
  if (origins.length === 0) return [];
  return [
    cors({
      origin: (origin, done) => done(null, origin !== undefined && origins.includes(origin)),
      credentials: true,
      methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
      allowedHeaders: ["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"],
      exposedHeaders: shown,
      maxAge: 600,
    }),
    // What may be called from another origin may also be read there.
    (request, response, next) => {
      if (request.headers.origin !== undefined && origins.includes(request.headers.origin))
        response.setHeader("cross-origin-resource-policy", "cross-origin");
      next();
    },
  ];
}
