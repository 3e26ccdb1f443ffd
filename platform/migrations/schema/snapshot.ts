import { canonicalJson, specHash } from "../../spec/index.ts";
import type { Sql } from "../../sql/index.ts";
import { snapshotQueries } from "./queries.ts";
import type { SchemaObject, Snapshot } from "./types.ts";

/**
 * The schema of the database that `sql` is connected to, by Postgres's own words for it. What belongs to the system, to an extension or
 * to NebulaDB is left out; the owner's name too, so that a branch has the schema of its parent. Reads, in one transaction.
 */
export const takeSnapshot = (sql: Sql): Promise<Snapshot> =>
  sql.tx(async (tx) => {
    // Names come out whole only where none is in the path; and whoever is asked here cannot be given other functions.
    await tx.query("set transaction isolation level repeatable read, read only");
    await tx.query("set local search_path = ''");
    const objects: SchemaObject[] = [];
    for (const text of snapshotQueries) {
      const { found } = await tx.one<{ found: readonly SchemaObject[] }>(text);
      objects.push(...found);
    }
    return { version: 1, objects };
  });

const keyOf = ({ kind, name }: SchemaObject): string => `${kind} ${name}`;

/** Equal for equal schemas, in whatever order things were made. */
export const fingerprintOf = ({ objects }: Snapshot): string =>
  specHash([...objects].map((one) => [keyOf(one), canonicalJson(one)]).sort(([a = ""], [b = ""]) => (a < b ? -1 : 1)));

export const byKey = ({ objects }: Snapshot): ReadonlyMap<string, SchemaObject> =>
  new Map(objects.map((one) => [keyOf(one), one]));
