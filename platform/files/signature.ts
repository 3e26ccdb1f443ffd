/**
 * AWS Signature Version 4 as S3 has it: checked for clients, made for the server behind us. Pure.
 *
 * 1. What is compared is made anew from the request as it came; signatures are compared in constant time.
 * 2. Host and every `x-amz-` header of a request must be signed: what is not could be anybody's.
 * 3. A signature is good for 15 minutes, a signed address for as long as it says, a week at most.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export const unsigned = "UNSIGNED-PAYLOAD";
const algorithm = "AWS4-HMAC-SHA256";
const skewMs = 15 * 60_000;
export const mostExpiresSeconds = 7 * 86_400;

/** A request as its signature sees it. */
export type Signable = {
  readonly method: string;
  /** As it came: still encoded, without the query. */
  readonly path: string;
  /** As it came, without the `?`. */
  readonly query: string;
  /** Lower case. */
  readonly headers: Readonly<Record<string, string>>;
};

type Scope = { readonly keyId: string; readonly day: string; readonly region: string };

/** What a request says of who signed it. */
export type Claimed = Scope & {
  readonly how: "header" | "query";
  /** `20261121T100000Z` */
  readonly at: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly payload: string;
};

export type Refusal = { readonly code: string; readonly message: string };
export type Verified = { readonly kind: "verified"; readonly signingKey: Buffer };

const malformed = (message: string): Refusal => ({ code: "AuthorizationHeaderMalformed", message });

/** undefined: it is not signed at all. */
export function claimedBy({ query, headers }: Signable): Claimed | Refusal | undefined {
  const parameters = new URLSearchParams(query.replaceAll("+", "%2B"));
  if (headers.authorization !== undefined) return claimedInHeader(headers.authorization, headers);
  if (!parameters.has("X-Amz-Signature") && !parameters.has("X-Amz-Algorithm")) return undefined;
  const get = (name: string) => parameters.get(`X-Amz-${name}`) ?? "";
  if (get("Algorithm") !== algorithm) return malformed(`The algorithm is ${algorithm}`);
  return claim(get("Credential"), get("SignedHeaders"), get("Signature"), {
    how: "query",
    at: get("Date"),
    payload: headers["x-amz-content-sha256"] ?? unsigned,
  });
}

function claimedInHeader(authorization: string, headers: Signable["headers"]): Claimed | Refusal {
  const [, scheme = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(authorization) ?? [];
  if (scheme !== algorithm) return malformed(`The authorization is ${algorithm}`);
  const parts = new Map(rest.split(",").map((part) => part.trim().split(/=(.*)/s).slice(0, 2) as [string, string]));
  const get = (name: string) => parts.get(name) ?? "";
  return claim(get("Credential"), get("SignedHeaders"), get("Signature"), {
    how: "header",
    at: headers["x-amz-date"] ?? "",
    payload: headers["x-amz-content-sha256"] ?? "",
  });
}

function claim(
  credential: string,
  signedHeaders: string,
  signature: string,
  more: Pick<Claimed, "how" | "at" | "payload">,
): Claimed | Refusal {
  const [keyId = "", day = "", region = "", service, end, ...others] = credential.split("/");
  if (service !== "s3" || end !== "aws4_request" || others.length > 0 || !/^[a-z0-9-]{1,40}$/.test(region))
    return malformed("The credential is <key>/<day>/<region>/s3/aws4_request");
  if (!/^[A-Za-z0-9]{16,64}$/.test(keyId))
    return { code: "InvalidAccessKeyId", message: "There is no such access key" };
  if (!/^\d{8}T\d{6}Z$/.test(more.at) || !more.at.startsWith(day))
    return malformed("The date is not that of the scope");
  if (!/^[0-9a-f]{64}$/.test(signature)) return malformed("The signature is 64 hexadecimal digits");
  if (more.payload === "") return { code: "MissingSecurityHeader", message: "x-amz-content-sha256 is missing" };
  return { ...more, keyId, day, region, signature, signedHeaders: signedHeaders.split(";") };
}

/** Whether the secret made it, and whether it is still good. */
export function verify(request: Signable, claimed: Claimed, secret: string, nowMs: number): Verified | Refusal {
  const { how, signedHeaders, at } = claimed;
  const atMs = Date.parse(at.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, "$1-$2-$3T$4:$5:$6Z"));
  const untilMs = how === "header" ? atMs + skewMs : atMs + expiresMs(request.query);
  if (Number.isNaN(untilMs) || atMs - skewMs > nowMs || untilMs < nowMs)
    return how === "header"
      ? { code: "RequestTimeTooSkewed", message: "The time of the request is too far from the server's" }
      : { code: "AccessDenied", message: "Request has expired" };
  const mustBeSigned = Object.keys(request.headers).filter(
    (name) => name === "host" || (name.startsWith("x-amz-") && !(how === "query" && name === "x-amz-content-sha256")),
  );
  const free = mustBeSigned.filter((name) => !signedHeaders.includes(name));
  if (free.length > 0) return { code: "AccessDenied", message: `Headers that are not signed: ${free.join(", ")}` };
  const signingKey = signingKeyOf(secret, claimed);
  const expected = Buffer.from(signatureOf(request, claimed, signingKey), "hex");
  const given = Buffer.from(claimed.signature, "hex");
  return expected.length === given.length && timingSafeEqual(expected, given)
    ? { kind: "verified", signingKey }
    : { code: "SignatureDoesNotMatch", message: "The signature is not that of this request with this key" };
}

function expiresMs(query: string): number {
  const text = new URLSearchParams(query).get("X-Amz-Expires") ?? "";
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return seconds >= 1 && seconds <= mostExpiresSeconds ? seconds * 1000 : Number.NaN;
}

type Unsigned = Scope & Pick<Claimed, "at" | "signedHeaders" | "payload" | "how">;

function signatureOf(request: Signable, scope: Unsigned, signingKey: Buffer): string {
  const { method, path, query, headers } = request;
  const canonical = [
    method,
    encodePath(decodeLoosely(path)),
    canonicalQuery(query),
    ...scope.signedHeaders.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    scope.signedHeaders.join(";"),
    scope.payload,
  ].join("\n");
  return hmac(signingKey, [algorithm, scope.at, scopeText(scope), sha256(canonical)].join("\n")).toString("hex");
}

const scopeText = ({ day, region }: Scope): string => `${day}/${region}/s3/aws4_request`;

const signingKeyOf = (secret: string, { day, region }: Scope): Buffer =>
  hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), "s3"), "aws4_request");

/** What a chunk of a signed stream must be signed with: each follows from the one before. */
export const chunkSignature = (claimed: Claimed, signingKey: Buffer, before: string, chunk: Buffer): string => {
  const text = [`${algorithm}-PAYLOAD`, claimed.at, scopeText(claimed), before, sha256(""), sha256(chunk)];
  return hmac(signingKey, text.join("\n")).toString("hex");
};

export type Credentials = { readonly accessKeyId: string; readonly secretAccessKey: string };

const region = "us-east-1";
const stamp = (nowMs: number): string => new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, "");

/** The headers with an Authorization of these credentials. `x-amz-content-sha256` says what is known of the body. */
export function sign(request: Signable, { accessKeyId, secretAccessKey }: Credentials, nowMs: number) {
  const at = stamp(nowMs);
  const payload = request.headers["x-amz-content-sha256"] ?? unsigned;
  const headers = { ...request.headers, "x-amz-date": at, "x-amz-content-sha256": payload };
  const signedHeaders = Object.keys(headers)
    .filter((name) => name === "host" || name.startsWith("x-amz-"))
    .sort();
  const scope: Unsigned = {
    keyId: accessKeyId,
    day: at.slice(0, 8),
    region,
    at,
    signedHeaders,
    payload,
    how: "header",
  };
  const signature = signatureOf({ ...request, headers }, scope, signingKeyOf(secretAccessKey, scope));
  const credential = `${accessKeyId}/${scopeText(scope)}`;
  const authorization = `${algorithm} Credential=${credential}, SignedHeaders=${signedHeaders.join(";")}, Signature=${signature}`;
  return { ...headers, authorization };
}

export type Presigned = {
  readonly method: "GET" | "PUT";
  /** `https://files.example.com:4494`, without a path. */
  readonly origin: string;
  readonly bucket: string;
  readonly key: string;
  readonly expiresSeconds: number;
};

/** An address that works without a key, for as long as it says. */
export function presign(what: Presigned, { accessKeyId, secretAccessKey }: Credentials, nowMs: number): string {
  const { method, origin, bucket, key, expiresSeconds } = what;
  const at = stamp(nowMs);
  const scope: Unsigned = {
    ...{ keyId: accessKeyId, day: at.slice(0, 8), region, at, how: "query" },
    ...{ signedHeaders: ["host"], payload: unsigned },
  };
  const path = encodePath(`/${bucket}/${key}`);
  const query = [
    ["X-Amz-Algorithm", algorithm],
    ["X-Amz-Credential", `${accessKeyId}/${scopeText(scope)}`],
    ["X-Amz-Date", at],
    ["X-Amz-Expires", String(expiresSeconds)],
    ["X-Amz-SignedHeaders", "host"],
  ]
    .map(([name = "", value = ""]) => `${name}=${encode(value)}`)
    .join("&");
  const request = { method, path, query, headers: { host: new URL(origin).host } };
  return `${origin}${path}?${query}&X-Amz-Signature=${signatureOf(request, scope, signingKeyOf(secretAccessKey, scope))}`;
}

export const encodePath = (path: string): string => path.split("/").map(encode).join("/");

function canonicalQuery(query: string): string {
  return query
    .split("&")
    .filter((part) => part !== "" && !part.startsWith("X-Amz-Signature="))
    .map((part) => {
      const [name = "", value = ""] = part.split(/=(.*)/s);
      return [encode(decodeLoosely(name)), encode(decodeLoosely(value))] as const;
    })
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

/** What S3 leaves as it is: letters, digits and - . _ ~ */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

function decodeLoosely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // whatever it is: it will not be found
  }
}

const hmac = (key: Buffer | string, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string | Buffer): string => createHash("sha256").update(text).digest("hex");
