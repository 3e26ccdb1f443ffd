/** A portal on a free port over a ledger of its own; every answer is held against its route's schema. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { makeMetrics, makeVault, type Observation, Secret, systemClock } from "../../platform/core/index.ts";
import type { GitHub } from "../../platform/github/index.ts";
import { issueToken, type Role } from "../../platform/identity/index.ts";
import type { Pool } from "../../platform/sql/index.ts";
import type { RepositoryRow } from "../../platform/store/index.ts";
import { defaultLimits, type Limits, makeApi } from "../../portal/api/index.ts";
import { testDatabase } from "../harness/postgres.ts";

export const testVault = makeVault(new Secret(Buffer.alloc(32, 7).toString("base64")));

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Json };
// A test reads what it expects to be there.
// biome-ignore lint/suspicious/noExplicitAny: answers are checked against their schemas by the server
export type Json = any;

export type TestPortal = {
  readonly url: string;
  readonly sql: Pool;
  readonly observed: Observation[];
  tokenFor(role: Role, tenant?: string | null, project?: string | null, user?: string): Promise<string>;
  as(token: string): Caller;
  close(): Promise<void>;
};

export type Caller = {
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
};

export async function startPortal(
  options: { readonly limits?: Partial<Limits>; readonly hostOf?: (repository: RepositoryRow) => GitHub } = {},
): Promise<TestPortal> {
  const ledger = await testDatabase();
  const closing = new AbortController();
  const observed: Observation[] = [];
  const app = makeApi({
    sql: ledger.sql,
    vault: testVault,
    observe: (observation) => void observed.push(observation),
    metrics: makeMetrics("portal"),
    clock: systemClock,
    version: "0.1.0",
    ledgerUrl: ledger.url,
    hostOf:
      options.hostOf ??
      (() => {
        throw new Error("this test has no Git host");
      }),
    closing: closing.signal,
    limits: { ...defaultLimits, ...options.limits },
    checkAnswers: true,
  });
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    sql: ledger.sql,
    observed,
    async tokenFor(role, tenant = role === "platform-admin" ? null : "shop", project = null, user = "ada") {
      const grant = { name: "test", user, role, tenant, project, expiresAt: null };
      return (await issueToken(ledger.sql, null, grant, "test")).text.reveal();
    },
    as: (token) => caller(url, token),
    async close() {
      closing.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await ledger.close();
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
    const isJson = response.headers.get("content-type")?.includes("json") ?? false;
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  return { send, get: (path, headers) => send("GET", path, undefined, headers) };
}
