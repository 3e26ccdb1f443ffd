/** What is kept of SQL: one's own history in a database, and the queries of a project. */
import type { DatabaseAddress } from "../address.ts";
import type { Client } from "../client.ts";
import { CommandFailure, exitCodes } from "../failure.ts";
import { type Format, printRows, say } from "../output.ts";
import type { SqlTarget } from "../sql/types.ts";

type Ran = {
  readonly at: string;
  readonly mode: string;
  readonly status: string;
  readonly code: string | null;
  readonly sql: string;
};
type Query = {
  readonly id: string;
  readonly name: string;
  readonly sql: string;
  readonly database: string | null;
  readonly shared: boolean;
  readonly owner: string;
  readonly own: boolean;
};

export async function printHistory(
  { client, path }: SqlTarget,
  search: string | undefined,
  format: Format,
): Promise<void> {
  const { items } = await client.get<{ items: Ran[] }>(`${path}/sql/history`, { limit: 100, search });
  printRows(
    items,
    [
      { title: "AT", value: ({ at }) => at },
      { title: "MODE", value: ({ mode }) => mode },
      { title: "STATUS", value: ({ status, code }) => (code === null ? status : `${status} ${code}`) },
      { title: "SQL", value: ({ sql }) => shortened(sql) },
    ],
    format,
  );
}

const shortened = (sql: string): string => {
  const line = sql.replaceAll(/\s+/g, " ").trim();
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
};

export async function forgetHistory({ client, path }: SqlTarget): Promise<void> {
  const { forgotten } = await client.send<{ forgotten: number }>("DELETE", `${path}/sql/history`);
  say(`${forgotten} lines forgotten`);
}

const queriesPath = ({ domain, project }: Pick<DatabaseAddress, "domain" | "project">): string =>
  `/api/v1/projects/${encodeURIComponent(domain)}/${encodeURIComponent(project)}/queries`;

export async function printQueries(client: Client, at: DatabaseAddress, format: Format): Promise<void> {
  printRows(
    await client.all<Query>(queriesPath(at)),
    [
      { title: "NAME", value: ({ name }) => name },
      { title: "OWNER", value: ({ owner }) => owner },
      { title: "SHARED", value: ({ shared }) => (shared ? "yes" : "no") },
      { title: "DATABASE", value: ({ database }) => database },
      { title: "SQL", value: ({ sql }) => shortened(sql) },
    ],
    format,
  );
}

/** One's own first, then a shared one. */
export async function readQuery(client: Client, at: DatabaseAddress, name: string): Promise<string> {
  const all = (await client.all<Query>(queriesPath(at))).filter((query) => query.name === name || query.id === name);
  const found = all.find(({ own }) => own) ?? all[0];
  if (found !== undefined) return found.sql;
  throw new CommandFailure(`there is no query ${name} in ${at.domain}/${at.project}`, {
    exitCode: exitCodes.notFound,
    hint: "`nebula sql DATABASE --queries` shows what there is.",
  });
}

type Kept = { readonly name: string; readonly sql: string | undefined; readonly shared?: boolean };

/** Over one's own of the same name, if there is one. */
export async function keepQuery(
  client: Client,
  at: DatabaseAddress,
  { name, sql, shared = false }: Kept,
): Promise<void> {
  if (sql === undefined)
    throw new CommandFailure("what is to be kept?", { exitCode: exitCodes.usage, hint: "Say it with -c or -f." });
  const before = (await client.all<Query>(queriesPath(at))).find((query) => query.own && query.name === name);
  if (before === undefined) await client.send("POST", queriesPath(at), { name, sql, shared, database: at.database });
  else await client.send("PATCH", `${queriesPath(at)}/${before.id}`, { sql, shared });
  say(`${name} is kept in ${at.domain}/${at.project}${shared ? ", for everybody there" : ""}`);
}
