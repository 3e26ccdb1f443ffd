/**
 * Real Postgres for tests: one server a run, started by the first test that asks, a template with the ledger's migrations, and
 * a database of its own for each caller.
 *
 * 1. Nobody sees another test's rows; nothing is left after the run (see global-setup.ts).
 * 2. The server's address reaches the workers over the run's Unix socket, so runs that need no Postgres start none.
 */
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { Secret } from "../../platform/core/index.ts";
import { connectOnce, makePool, type Pool, quoteIdent } from "../../platform/sql/index.ts";
import { appRole } from "../../platform/store/index.ts";

export type TestDatabase = {
  /** As the superuser, over TCP. */
  readonly url: Secret;
  /** As the role that portal and reconciler have in production. */
  readonly appUrl: Secret;
  readonly name: string;
  readonly sql: Pool;
  /** Closes the pool and drops the database. */
  close(): Promise<void>;
};

export type TestServer = {
  /** Address of the maintenance database. */
  readonly url: Secret;
  readonly port: number;
  readonly pgBin: string;
};

/** A migrated clone of the ledger, or an empty database. Take one a file: `const db = await testDatabase()` in beforeAll. */
export async function testDatabase({ empty = false }: { readonly empty?: boolean } = {}): Promise<TestDatabase> {
  const server = await testServer();
  const name = `test_${randomBytes(6).toString("hex")}`;
  const template = empty ? "template0" : ledgerTemplate;
  await connectOnce(server.url, (sql) =>
    sql.query(`create database ${quoteIdent(name)} template ${quoteIdent(template)} strategy file_copy`),
  );
  const url = withDatabase(server.url, name);
  if (!empty)
    await connectOnce(url, (owner) => owner.query(`grant connect on database ${quoteIdent(name)} to ${appRole}`));
  const sql = makePool({ url, max: 8, applicationName: "test" });
  return {
    url,
    appUrl: withLogin(url, appRole, appPassword),
    name,
    sql,
    async close() {
      await sql.close();
      await connectOnce(server.url, (maintenance) =>
        maintenance.query(`drop database if exists ${quoteIdent(name)} with (force)`),
      );
    },
  };
}

/** The run's server itself, for tests that make databases or roles of their own. */
export async function testServer(): Promise<TestServer> {
  const path = process.env[socketVariable];
  if (path === undefined) throw new Error("tests that need Postgres run under vitest.config.ts's globalSetup");
  const answer = JSON.parse(await text(connect(path))) as {
    url?: string;
    port: number;
    pgBin: string;
    problem?: string;
  };
  if (answer.url === undefined) throw new Error(answer.problem ?? "no Postgres for tests");
  return { url: new Secret(answer.url), port: answer.port, pgBin: answer.pgBin };
}

export const socketVariable = "NEBULA_TEST_SOCKET";
export const ledgerTemplate = "ledger_template";
export const appPassword = new Secret("app");

function withLogin(url: Secret, user: string, password: Secret): Secret {
  const parsed = new URL(url.reveal());
  parsed.username = user;
  parsed.password = password.reveal();
  return new Secret(parsed.href);
}

export function withDatabase(url: Secret, database: string): Secret {
  const parsed = new URL(url.reveal());
  parsed.pathname = `/${database}`;
  return new Secret(parsed.href);
}
