import { createHmac, createPublicKey, type KeyObject, sign as signRaw } from "node:crypto";
import { createServer, type Server } from "node:http";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK } from "jose";
import { afterAll, beforeAll } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import { apiOf, makeWebGround, type WebGround } from "../data-api/web-ground.ts";
import { catalogueRow } from "../harness/row.ts";

/** The good tokens' makers: a secret, a published key, a key that stands in the declaration; and somebody else. */
type Makers = {
  readonly secret: string;
  readonly published: KeyObject;
  readonly pinned: KeyObject;
  readonly stranger: KeyObject;
  readonly publishedJwk: JWK;
  readonly pinnedPem: string;
};

let ground: WebGround;
let server: Server;
let makers: Makers;
beforeAll(async () => {
  const [published, pinned, stranger] = await Promise.all([
    generateKeyPair("RS256", { extractable: true }),
    generateKeyPair("ES256", { extractable: true }),
    generateKeyPair("RS256", { extractable: true }),
  ]);
  const jwk = { ...(await exportJWK(published.publicKey)), kid: "one", alg: "RS256" };
  const pinnedPem = await exportSPKI(pinned.publicKey);
  makers = {
    secret: "a shared secret of more than 32 bytes",
    ...{ publishedJwk: jwk, pinnedPem },
    published: published.privateKey as unknown as KeyObject,
    pinned: pinned.privateKey as unknown as KeyObject,
    stranger: stranger.privateKey as unknown as KeyObject,
  };
  server = createServer((_request, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const jwt = [
    { secret: { kind: "secret", name: "api-jwt" }, audience: "app" },
    { jwks: `http://127.0.0.1:${port}/keys`, audience: "app", algorithms: ["RS256"] },
    { publicKey: pinnedPem, audience: "app", algorithms: ["ES256"] },
  ];
  ground = await makeWebGround(
    [
      "create table t (id int primary key)",
      "alter table t enable row level security",
      "create policy all_of_it on t to authenticated using (true)",
      "grant select on t to authenticated",
    ],
    {
      wanted: { api: apiOf({ jwt }), apiSecrets: new Map([["api-jwt", new Secret(makers.secret)]]) },
      web: { policy: { inside: [`127.0.0.1:${port}`] }, guessesPerMinute: 1_000_000 },
    },
  );
});
afterAll(async () => {
  await ground?.close();
  server?.close();
});

const coded = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const seconds = () => Math.floor(Date.now() / 1000);
const claims = (more: object = {}) => ({
  sub: "anna",
  role: "authenticated",
  aud: "app",
  exp: seconds() + 300,
  ...more,
});

type Header = Readonly<Record<string, unknown>>;
const hmac = (bits: number, key: string | Buffer) => (input: string) =>
  createHmac(`sha${bits}`, key).update(input).digest("base64url");
async function keyed(key: CryptoKey | KeyObject, input: string): Promise<string> {
  const { KeyObject: Class } = await import("node:crypto");
  const object = key instanceof Class ? key : Class.from(key as never);
  return object.asymmetricKeyType === "ec"
    ? signRaw("sha256", Buffer.from(input), { key: object, dsaEncoding: "ieee-p1363" }).toString("base64url")
    : signRaw("sha256", Buffer.from(input), object).toString("base64url");
}
const made = async (
  header: Header,
  payload: unknown,
  sign: (input: string) => string | Promise<string>,
): Promise<string> => {
  const input = `${coded(header)}.${coded(payload)}`;
  return `${input}.${await sign(input)}`;
};

const good = {
  shared: (payload: object = claims()) => made({ alg: "HS256" }, payload, hmac(256, makers.secret)),
  published: (payload: object = claims(), header: Header = { alg: "RS256", kid: "one" }) =>
    made(header, payload, (input) => keyed(makers.published, input)),
  pinned: (payload: object = claims(), header: Header = { alg: "ES256" }) =>
    made(header, payload, (input) => keyed(makers.pinned, input)),
};

const unsigned = () => "";
const swapped = (token: string, part: number, text: string) =>
  token
    .split(".")
    .map((one, i) => (i === part ? text : one))
    .join(".");

/** Each makes a token that is wrong in one thing, which its name says. */
const forgeries: Readonly<Record<string, () => Promise<string>>> = {
  "alg none": () => made({ alg: "none" }, claims(), unsigned),
  "alg NONE": () => made({ alg: "NONE" }, claims(), unsigned),
  "alg nOnE with a signature": () => made({ alg: "nOnE" }, claims(), hmac(256, makers.secret)),
  "no alg": () => made({ typ: "JWT" }, claims(), hmac(256, makers.secret)),
  "alg as a list": () => made({ alg: ["HS256"] }, claims(), hmac(256, makers.secret)),
  "the published key as a shared secret (PEM)": async () =>
    made(
      { alg: "HS256", kid: "one" },
      claims(),
      hmac(
        256,
        createPublicKey({ key: makers.publishedJwk as never, format: "jwk" }).export({
          type: "spki",
          format: "pem",
        }) as string,
      ),
    ),
  "the published key as a shared secret (JWK)": () =>
    made({ alg: "HS256", kid: "one" }, claims(), hmac(256, JSON.stringify(makers.publishedJwk))),
  "the modulus as a shared secret": () =>
    made({ alg: "HS256", kid: "one" }, claims(), hmac(256, Buffer.from(String(makers.publishedJwk.n), "base64url"))),
  "the pinned key as a shared secret": () => made({ alg: "HS256" }, claims(), hmac(256, makers.pinnedPem)),
  "the pinned key as a shared secret, trimmed": () =>
    made({ alg: "HS256" }, claims(), hmac(256, makers.pinnedPem.trim())),
  "an empty secret": () => made({ alg: "HS256" }, claims(), hmac(256, "")),
  "the secret's name as the secret": () => made({ alg: "HS256" }, claims(), hmac(256, "api-jwt")),
  "HS512, which is not declared": () => made({ alg: "HS512" }, claims(), hmac(512, makers.secret)),
  "RS512, which is not declared": () => good.published(claims(), { alg: "RS512", kid: "one" }),
  "a wrong kid": () => good.published(claims(), { alg: "RS256", kid: "two" }),
  "a kid that is a path": () => good.published(claims(), { alg: "RS256", kid: "../../dev/null" }),
  "a kid that is SQL": () => good.published(claims(), { alg: "RS256", kid: "one' or '1'='1" }),
  "a key in the header": async () => {
    const { KeyObject: Class } = await import("node:crypto");
    const jwk = createPublicKey(Class.from(makers.stranger as never)).export({ format: "jwk" });
    return made({ alg: "RS256", jwk }, claims(), (input) => keyed(makers.stranger, input));
  },
  "a key set's address in the header": () =>
    made({ alg: "RS256", kid: "one", jku: `${ground.url}/keys` }, claims(), (input) => keyed(makers.stranger, input)),
  "a certificate's address in the header": () =>
    made({ alg: "RS256", kid: "one", x5u: `${ground.url}/cert` }, claims(), (input) => keyed(makers.stranger, input)),
  "somebody else's key": () => made({ alg: "RS256", kid: "one" }, claims(), (input) => keyed(makers.stranger, input)),
  "an unknown critical header": () => made({ alg: "HS256", crit: ["x"], x: 1 }, claims(), hmac(256, makers.secret)),
  "a payload that is not encoded": () =>
    made({ alg: "HS256", b64: false, crit: ["b64"] }, claims(), hmac(256, makers.secret)),
  "no signature": async () => swapped(await good.shared(), 2, ""),
  "half a signature": async () => (await good.shared()).slice(0, -20),
  "a signature of zeros (ES256)": async () => swapped(await good.pinned(), 2, Buffer.alloc(64).toString("base64url")),
  "another's payload": async () => swapped(await good.shared(), 1, coded(claims({ sub: "ben" }))),
  "another's header": async () => swapped(await good.published(), 0, coded({ alg: "RS256", kid: "one", x: 1 })),
  "the signature of another token": async () =>
    swapped(await good.shared(), 2, (await good.shared(claims({ sub: "ben" }))).split(".")[2] ?? ""),
  "one bit of the signature": async () => {
    const [a = "", b = "", c = ""] = (await good.published()).split(".");
    const bytes = Buffer.from(c, "base64url");
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    return `${a}.${b}.${bytes.toString("base64url")}`;
  },
  expired: () => good.shared(claims({ exp: seconds() - 120 })),
  "expired a year ago, as text": () => good.shared(claims({ exp: "1" })),
  "without an end": () => good.shared(claims({ exp: undefined })),
  "an end that is no number": () => good.shared(claims({ exp: "never" })),
  "not valid yet": () => good.shared(claims({ nbf: seconds() + 3600 })),
  "issued in the future": () => good.shared(claims({ iat: seconds() + 3600 })),
  "another audience": () => good.shared(claims({ aud: "others" })),
  "no audience": () => good.shared(claims({ aud: undefined })),
  "a payload that is a list": () => good.shared([claims()] as unknown as object),
  "a role that is an object": () => good.shared(claims({ role: { name: "authenticated" } })),
  "a role that is not declared": () => good.shared(claims({ role: "service_role" })),
  "our own login as a role": () => good.shared(claims({ role: "nebula_api" })),
  "the owner as a role": () => good.shared(claims({ role: "orders" })),
  "padded base64": async () =>
    (await good.shared())
      .split(".")
      .map((part) => part + "=".repeat((4 - (part.length % 4)) % 4))
      .join("."),
  "four parts": async () => `${await good.shared()}.x`,
  "a token of 20,000 bytes": () => good.shared(claims({ long: "x".repeat(20_000) })),
};

/** What a naive reader would do: the claims as they stand. */
function asItSays(token: string): boolean {
  try {
    const { role, sub } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
      role?: unknown;
      sub?: unknown;
    };
    return role !== undefined && sub !== undefined;
  } catch {
    return false;
  }
}

async function opens(token: string): Promise<boolean> {
  const { status } = await fetch(`${ground.url}/t`, { headers: { authorization: `Bearer ${token}` } });
  if (status >= 500) throw new Error(`${status}`);
  return status === 200;
}

catalogueRow({
  suite: "attacks",
  name: "data API: JWT forgeries",
  promise: "no forged token of a tenant's issuers opens anything",
  n: { small: 40, large: 40 },
  async run({ n, random, guarded }) {
    const violations: string[] = [];
    const kinds = random.shuffle(Object.entries(forgeries)).slice(0, guarded ? undefined : n);
    for (const [name, make] of Object.entries(good))
      if (!(await opens(await make()))) violations.push(`the good token was refused: ${name}`);
    for (const [kind, forge] of kinds) {
      const token = await forge();
      if (guarded ? await opens(token) : asItSays(token)) violations.push(`accepted: ${kind}`);
    }
    return { trials: kinds.length, violations };
  },
  control: { without: "verification", n: 40 },
});
