/** A portal on a free port over a ledger of its own; every answer is held against its route's schema. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  type Check,
  makeMetrics,
  makeVault,
  type Observation,
  Secret,
  systemClock,
} from "../../platform/core/index.ts";
import type { GitHub } from "../../platform/github/index.ts";
import {
  type Identity,
  type IdentityOptions,
  issueToken,
  makeIdentity,
  type Role,
} from "../../platform/identity/index.ts";
import type { Keyring } from "../../platform/keys/index.ts";
import { makePool, type Pool } from "../../platform/sql/index.ts";
import type { RepositoryRow } from "../../platform/store/index.ts";
import {
  type AskHealth,
  type Components,
  defaultLimits,
  type Gateway,
  type GitSettings,
  type Limits,
  localGit,
  makeApi,
  makeGitDesk,
  makeServer,
  type Patience,
  type Payments,
  parseRules,
  patience,
  type Reachable,
} from "../../portal/api/index.ts";
import { type Auth, type AuthOptions, makeAuth } from "../../portal/auth/index.ts";
import { type TestDatabase, testDatabase } from "../harness/postgres.ts";

export const testVault = makeVault(new Secret(Buffer.alloc(32, 7).toString("base64")));

const issuer = "http://127.0.0.1:4400";
/** Tests hash cheaply; what the real parameters cost is a test of its own. */
const cheap = { memoryCost: 64, timeCost: 1, parallelism: 1 };

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Json };
// A test reads what it expects to be there.
// biome-ignore lint/suspicious/noExplicitAny: answers are checked against their schemas by the server
export type Json = any;

export type TestPortal = {
  readonly url: string;
  readonly sql: Pool;
  readonly ledger: TestDatabase;
  readonly server: Server;
  readonly draining: AbortController;
  readonly closing: AbortController;
  readonly observed: Observation[];
  readonly identity: Identity;
  readonly auth: Auth;
  readonly components: Components;
  tokenFor(role: Role, tenant?: string | null, project?: string | null, user?: string): Promise<string>;
  as(token: string): Caller;
  close(): Promise<void>;
};

export type Caller = {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
};

let portals = 0;

export async function startPortal(
  options: {
    readonly limits?: Partial<Omit<Limits, "rules">>;
    /** As NEBULA_LIMITS has them: `key=2,failures=3/60`. */
    readonly rules?: string;
    readonly patience?: Partial<Patience>;
    readonly reachable?: Partial<Reachable>;
    readonly identity?: Partial<IdentityOptions>;
    readonly auth?: Partial<AuthOptions>;
    readonly hostOf?: (repository: RepositoryRow) => GitHub;
    readonly keyring?: (sql: Pool) => Promise<Keyring>;
    /** How Git hosts are reached. Default: those of a portal on loopback. */
    readonly git?: Partial<GitSettings>;
    /** What else its health is made of. */
    readonly checks?: readonly Check[];
    /** Default: nobody answers. */
    readonly askHealth?: AskHealth;
    /** Default: a clone of its own. */
    readonly ledger?: TestDatabase;
    /** A port that is known before it listens: what says its own address needs one. Default: any. */
    readonly port?: number;
    /** Where databases are reached. */
    readonly gateway?: Partial<Gateway>;
    /** Default: none. */
    readonly payments?: Payments;
    /** Another portal on the ledger of this one. */
    readonly beside?: TestPortal;
  } = {},
): Promise<TestPortal> {
  const ledger = options.beside?.ledger ?? options.ledger ?? (await testDatabase());
  const sql =
    options.beside === undefined
      ? ledger.sql
      : makePool({ url: ledger.url, max: 8, applicationName: `test ${++portals}` });
  const draining = new AbortController();
  const closing = new AbortController();
  const observed: Observation[] = [];
  const identity = await makeIdentity({ sql, vault: testVault, issuer, passwordCost: cheap, ...options.identity });
  const auth = makeAuth({
    identity,
    observe: (observation) => void observed.push(observation),
    registration: "open",
    publicUrl: issuer,
    mailVia: "folder",
    ...options.auth,
  });
  const looked: Components[] = [];
  const app = makeApi({
    checks: options.checks ?? [],
    askHealth: options.askHealth ?? (async () => undefined),
    onComponents: (components) => looked.push(components),
    sql,
    vault: testVault,
    observe: (observation) => void observed.push(observation),
    metrics: makeMetrics("portal"),
    clock: systemClock,
    version: "0.1.0",
    ledgerUrl: ledger.url,
    keyring: (await options.keyring?.(sql)) ?? null,
    git: makeGitDesk(testVault, { ...localGit, ...options.git }),
    hostOf:
      options.hostOf ??
      (() => {
        throw new Error("this test has no Git host");
      }),
    auth,
    payments: options.payments ?? null,
    closing: closing.signal,
    draining: draining.signal,
    reachable: { origins: [], trustedProxies: [], tls: false, ...options.reachable },
    gateway: {
      ...{ host: "localhost", directPort: 4490, pooledPort: null, rootCertificate: async () => null },
      ...{ apiUrl: "http://localhost:4493", secret: async () => new Secret("the gateway's own") },
      ...{
        domain: "db.localhost",
        filesUrl: "http://localhost:4494",
        filesSecret: async () => new Secret("of the files"),
      },
      ...options.gateway,
    },
    limits: { ...defaultLimits, ...options.limits, rules: parseRules(options.rules ?? "") },
    checkAnswers: true,
  });
  const server = makeServer(app, { ...patience, ...options.patience });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [components] = looked;
  if (components === undefined) throw new Error("a portal that looks at nothing");
  return {
    ...{ url, sql, ledger, server, draining, closing, observed, identity, auth, components },
    async tokenFor(role, tenant = role === "platform-admin" ? null : "shop", project = null, user = "ada") {
      const grant = { name: "test", user, role, tenant, project, expiresAt: null };
      return (await issueToken(sql, null, grant, "test")).text.reveal();
    },
    as: (token) => caller(url, token),
    async close() {
      closing.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await identity.close();
      await (options.beside === undefined ? ledger : sql).close();
    },
  };
}

function caller(url: string, token: string): Caller {
  const send: Caller["send"] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /^application\/(problem\+|cloudevents-batch\+)?json/.test(
      response.headers.get("content-type") ?? "",
    );
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  return { send, get: (path, headers) => send("GET", path, undefined, headers) };
}
