import type { Client } from "./client.ts";
import { CommandFailure, exitCodes } from "./failure.ts";
import type { Project } from "./types.ts";

export type DatabaseAddress = { readonly domain: string; readonly project: string; readonly database: string };

export const databasePath = ({ domain, project, database }: DatabaseAddress): string =>
  `${collectionPath({ domain, project })}/${encodeURIComponent(database)}`;
export const collectionPath = ({ domain, project }: { domain: string; project: string }): string =>
  `/api/v1/domain/${encodeURIComponent(domain)}/project/${encodeURIComponent(project)}/databases`;

/**
 * `tenant/project/database`, or its shortest ending that only one database has: `shop/orders`, `orders`. Dots do as well as slashes:
 * plans and findings name a database by its id, `tenant.project.database`.
 * @throws CommandFailure: exit 4 when there is none, exit 2 when there are several.
 */
export async function resolveDatabase(client: Client, text: string): Promise<DatabaseAddress> {
  const parts = split(text, 3);
  if (parts.length === 3) return { domain: parts[0] ?? "", project: parts[1] ?? "", database: parts[2] ?? "" };
  const all = (await client.all<Project>("/api/v1/projects")).flatMap(({ domain, name, databases }) =>
    databases.map((database) => ({ domain, project: name, database })),
  );
  return only(text, all, ({ domain, project, database }) => [domain, project, database], parts, "database");
}

/** The address of a database that need not exist: its project must, and may be shortened in the same way. */
export async function resolveNewDatabase(client: Client, text: string): Promise<DatabaseAddress> {
  const parts = split(text, 3);
  const database = parts.at(-1) ?? "";
  if (parts.length === 3) return { domain: parts[0] ?? "", project: parts[1] ?? "", database };
  if (parts.length === 1)
    throw usage(`"${text}" does not say which project`, "Write project/database or tenant/project/database.");
  const projects = await client.all<Project>("/api/v1/projects");
  const found = only(text, projects, ({ domain, name }) => [domain, name], parts.slice(0, -1), "project");
  return { domain: found.domain, project: found.name, database };
}

/** No name has a dot or a slash in it. */
export const partsOf = (text: string): string[] => text.split(text.includes("/") ? "/" : ".");

export function split(text: string, most: number): string[] {
  const parts = partsOf(text);
  if (parts.length > most || parts.some((part) => part === ""))
    throw usage(`"${text}" is not an address`, "Write tenant/project/database, or its shortest ending that is unique.");
  return parts;
}

function only<T>(
  text: string,
  all: readonly T[],
  pathOf: (item: T) => string[],
  ending: readonly string[],
  what: string,
): T {
  const found = all.filter((item) => pathOf(item).slice(-ending.length).join("/") === ending.join("/"));
  const [first, second] = found;
  if (first === undefined)
    throw new CommandFailure(`there is no ${what} ${text}`, {
      exitCode: exitCodes.notFound,
      hint: "`nebula db list` shows what there is.",
    });
  if (second !== undefined)
    throw usage(
      `"${text}" is several: ${found.map((item) => pathOf(item).join("/")).join(", ")}`,
      "Write more of the address.",
    );
  return first;
}

const usage = (message: string, hint: string) => new CommandFailure(message, { exitCode: exitCodes.usage, hint });
