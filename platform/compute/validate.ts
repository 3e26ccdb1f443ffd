import { isIP } from "node:net";
import { badInstance, extensionUnavailable, versionUnavailable } from "./errors.ts";
import type { InstanceWanted } from "./types.ts";

/**
 * Extensions that a tenant may have where the binaries bring them. Not among them: what reads files, opens connections to other
 * servers, shows other tenants' pages or repairs behind Postgres's back.
 */
export const allowedExtensions: readonly string[] = [
  ...["bloom", "btree_gin", "btree_gist", "citext", "cube", "dict_int", "dict_xsyn", "earthdistance", "fuzzystrmatch"],
  ...[
    "hstore",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "pg_stat_statements",
    "pg_trgm",
    "pgcrypto",
    "pgrowlocks",
  ],
  ...["seg", "tablefunc", "tcn", "tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp", "vector"],
];

/** @throws NEB353 with every problem at once, NEB349 for a version that is not offered; the first is that of new instances. */
export function mustBeSensible(wanted: InstanceWanted, majors: readonly string[]): void {
  const problems = [
    ...(idPattern.test(wanted.id) ? [] : [`id "${wanted.id}" is not <tenant>.<project>.<database>`]),
    ...nameProblems("database", wanted.databaseName),
    ...nameProblems("owner", wanted.ownerRole),
    ...wanted.roles.flatMap(({ name }) => nameProblems("role", name)),
    ...duplicates([wanted.ownerRole, ...wanted.roles.map(({ name }) => name)]).map(
      (name) => `role ${name} is named twice`,
    ),
    ...(wanted.units > 0 && wanted.units <= 1024 ? [] : [`${wanted.units} compute units`]),
    ...(wanted.storageBytes > 0 ? [] : [`${wanted.storageBytes} bytes of storage`]),
    ...wanted.allowFrom.filter((cidr) => !isCidr(cidr)).map((cidr) => `"${cidr}" is no CIDR block`),
  ];
  if (problems.length > 0) throw badInstance(`${wanted.id}: ${problems.join("; ")}`);
  if (!majors.includes(wanted.version))
    throw versionUnavailable(`${wanted.id} wants PostgreSQL ${wanted.version}; this machine offers ${majors[0]}`);
}

const idPattern = /^([a-z]([a-z0-9-]{0,38}[a-z0-9])?\.){2}[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;
const namePattern = /^[a-z_][a-z0-9_-]{0,62}$/;
const reservedPattern = /^(pg_|nebula_)|^(postgres|template0|template1|public|none|all|replication|sameuser|samerole)$/;

function nameProblems(kind: string, name: string): string[] {
  if (!namePattern.test(name)) return [`${kind} "${name}" must be lower case letters, digits, _ and -, at most 63`];
  return reservedPattern.test(name) ? [`${kind} "${name}" is a reserved name`] : [];
}

const duplicates = (names: readonly string[]) => names.filter((name, i) => names.indexOf(name) !== i);

function isCidr(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** @throws NEB351 naming what is not available and what is. */
export function mustOffer(wanted: Pick<InstanceWanted, "id" | "extensions">, inBinaries: readonly string[]): void {
  const offered = allowedExtensions.filter((name) => inBinaries.includes(name));
  const missing = wanted.extensions.filter((name) => !offered.includes(name));
  if (missing.length > 0)
    throw extensionUnavailable(
      `${wanted.id}: ${missing.join(", ")} ${missing.length > 1 ? "are" : "is"} not available here; there are ${offered.join(", ")}`,
      { fields: { missing, offered } },
    );
}
