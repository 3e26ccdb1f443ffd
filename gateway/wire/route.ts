/** Which instance a connection is for: by the server's name (SNI), by `options=endpoint=...`, or by the database's name. */
import { type DatabaseId, databaseId, isName } from "../../platform/spec/index.ts";
import { notRouted, Refused, routesDisagree } from "./refusal.ts";

export type Asked = {
  /** Of TLS. */
  readonly serverName: string | undefined;
  /** Of `options`. */
  readonly endpoint: string | undefined;
  /** The start-up parameter; a client that names none means its user's. */
  readonly database: string;
};

export type Route = {
  /** Well-formed, perhaps of no instance; undefined for an endpoint that nobody has. */
  readonly id: DatabaseId | undefined;
  /** The SQL database that was asked for; undefined when the name named the instance. */
  readonly database: string | undefined;
  /** `@ro` behind the name: a standby, which only reads. */
  readonly readOnly: boolean;
};

export type RouteInput = Asked & {
  /** Host names under it are endpoints: `<endpoint>.<domain>`. */
  readonly domain: string;
  /** The instance of an endpoint's name, for example `acme-shop-orders-1f2e3d4c`. */
  readonly find: (endpoint: string) => Promise<DatabaseId | undefined>;
};

/**
 * What names nothing is no error yet: the client then fails its sign-in like any other.
 * @throws Refused 3D000 when nothing names an instance, or two things name two.
 */
export async function resolveRoute(input: RouteInput): Promise<Route> {
  const { serverName, domain, find } = input;
  const [database, readsDatabase] = withoutMark(input.database);
  const [endpoint, readsEndpoint] = withoutMark(input.endpoint);
  const label = endpointLabel(serverName, domain);
  const byName = idOf(database);
  const byEndpoint = async (name: string) => idOf(name) ?? (await find(name));
  const named = [
    ...(label === undefined ? [] : [await byEndpoint(label)]),
    ...(endpoint === undefined ? [] : [await byEndpoint(endpoint.toLowerCase())]),
    ...(byName === undefined ? [] : [byName]),
  ];
  if (named.length === 0) throw new Refused(notRouted(database));
  const [id] = named;
  if (named.some((one) => one !== id)) throw new Refused(routesDisagree(label ?? endpoint ?? database, database));
  const readOnly = readsDatabase || readsEndpoint;
  return { id, database: byName === undefined ? database : undefined, readOnly };
}

const readOnlyMark = "@ro";

/** A name without the mark, and whether it had it. Neither a database's id nor an endpoint has an `@`. */
const withoutMark = <Name extends string | undefined>(name: Name): readonly [Name, boolean] =>
  name?.endsWith(readOnlyMark) ? [name.slice(0, -readOnlyMark.length) as Name, true] : [name, false];

/** `tenant.project.database`; undefined when a text is no such name. */
export function idOf(text: string): DatabaseId | undefined {
  const [tenant = "", project = "", database = "", ...more] = text.split(".");
  return more.length === 0 && [tenant, project, database].every(isName)
    ? databaseId(tenant, project, database)
    : undefined;
}

/** The one label before the domain; a host name of the gateway itself is no endpoint. */
function endpointLabel(serverName: string | undefined, domain: string): string | undefined {
  const [name, suffix] = [serverName?.toLowerCase().replace(/\.$/, ""), `.${domain.toLowerCase()}`];
  if (name === undefined || !name.endsWith(suffix)) return undefined;
  return name.slice(0, -suffix.length);
}
