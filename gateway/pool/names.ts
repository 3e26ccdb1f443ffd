import { type DatabaseId, objectNames } from "../../platform/spec/index.ts";

/** PgBouncer keeps 63 bytes of a database's name, and refuses a configuration with a longer one. */
const longest = 63;

/**
 * What a client of the pooled endpoint calls a database: `tenant.project.database`, or the endpoint's name (a DNS label that ends
 * with a hash) where that is longer than PgBouncer can hold.
 */
export function pooledName(id: DatabaseId): string {
  if (Buffer.byteLength(id) <= longest) return id;
  const [tenant = "", project = "", database = ""] = id.split(".");
  return objectNames(tenant, project, database).resource;
}

/** Whether a folder's name is an id that may stand in PgBouncer's configuration, where a line that does not parse spoils them all. */
export const isPlain = (id: string): id is DatabaseId => /^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/.test(id);
