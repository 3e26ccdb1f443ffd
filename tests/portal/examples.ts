/** For every route a path that fits it: what the tests of the whole table ask for. */
import type { routes } from "../../portal/api/index.ts";

export type Entry = (typeof routes)[number];

/** What stands for a parameter of this name. */
export type Examples = Readonly<Record<string, string>>;

export const unknownExamples: Examples = {
  domain: "nowhere",
  tenant: "nowhere",
  project: "none",
  database: "none",
  address: "nowhere.none.none",
  table: "none",
  bucket: "none",
  name: "none",
  number: "999999",
  owner: "nobody",
  repository: "nothing",
  user: `usr_${"0".repeat(26)}`, // also fits a member
  incident: "inc_none",
  provider: "none",
  passkey: "none",
  query: "none",
  invoice: "INV-999999",
  channel: `ch_${"0".repeat(12)}`,
  rule: "never-sleeps",
  line: "1",
  session: `ses_${"0".repeat(26)}`,
};

/** The id of an operation, a key, ... : by the first word of the route's operation. */
const unknownIds: Examples = { operations: `op_${"0".repeat(26)}`, keys: "0".repeat(26) };

/** @throws Error when no example fits: a new parameter needs one here. */
export function pathFor(entry: Entry, examples: Examples = {}, ids: Examples = {}): string {
  const kind = entry.operationId.split(".")[0] ?? "";
  const chosen: Record<string, string> = { ...unknownExamples, ...examples };
  const id = ids[kind] ?? unknownIds[kind];
  if (id !== undefined) chosen.id = id;
  const names = [...entry.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
  const params = Object.fromEntries(names.map((name) => [name, chosen[name] ?? ""]));
  const fits = entry.params === undefined ? names.length === 0 : entry.params.safeParse(params).success;
  if (!fits)
    throw new Error(`${entry.operationId}: no example fits ${entry.path}: add one to tests/portal/examples.ts`);
  return entry.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name] ?? "");
}

/** Whether its path names something that belongs to a tenant. */
export const namesTenantThing = ({ path, operationId, scope }: Entry): boolean =>
  scope !== "public" &&
  (/\{(domain|tenant|project|number|address)\}/.test(path) ||
    (/^(operations|keys)\./.test(operationId) && path.includes("{id}")));
