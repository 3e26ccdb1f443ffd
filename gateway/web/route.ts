import { type DatabaseId, isName } from "../../platform/spec/index.ts";
import type { Named } from "./types.ts";

export type Route =
  | { readonly kind: "health" }
  | { readonly kind: "nothing" }
  | { readonly kind: "database"; readonly named: Named; readonly path: string; readonly query: string };

/**
 * Which database a request is about: by its host name (`<database>.<project>.<tenant>.<domain>`, or the endpoint's name before the
 * domain), else by the first three parts of its path. What follows is the path below the database.
 */
export function routeOf(url: string, host: string | undefined, domain: string): Route {
  const mark = url.indexOf("?");
  const [path, query] = mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
  const byHost = namedBy(host, domain);
  if (byHost !== undefined) return { kind: "database", named: byHost, path, query };
  if (path === "/" || path === "/livez") return { kind: "health" };
  const [, tenant = "", project = "", database = "", ...rest] = path.split("/");
  if (![tenant, project, database].every(isName)) return { kind: "nothing" };
  const id: DatabaseId = `${tenant}.${project}.${database}`;
  return { kind: "database", named: { by: "id", id }, path: `/${rest.join("/")}`, query };
}

function namedBy(host: string | undefined, domain: string): Named | undefined {
  const name = (host ?? "").toLowerCase().replace(/:\d+$/, "");
  if (!name.endsWith(`.${domain}`)) return undefined;
  const labels = name.slice(0, -domain.length - 1).split(".");
  if (!labels.every((label) => /^[a-z0-9-]{1,63}$/.test(label))) return undefined;
  const [database, project, tenant] = labels;
  // an endpoint's name ends with a hash; the gateway itself may have a name under the domain
  if (labels.length === 1 && database !== undefined && /-[0-9a-f]{8}$/.test(database))
    return { by: "endpoint", endpoint: database };
  if (labels.length !== 3 || ![tenant, project, database].every((label) => isName(label ?? ""))) return undefined;
  return { by: "id", id: `${tenant}.${project}.${database}` as DatabaseId };
}

/** What its limit and its cache call an endpoint: `schema.table`, `rpc.function`; undefined at the root. */
export function endpointOf(below: string, profile: string | undefined, schemas: readonly string[]): string | undefined {
  const [, first = "", second] = below.split("/");
  if (first === "") return undefined;
  const name = decoded(second === undefined ? first : second);
  if (second !== undefined) return decoded(first) === "rpc" ? `rpc.${name}` : undefined;
  return `${profile ?? schemas[0] ?? "public"}.${name}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
