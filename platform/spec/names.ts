import { createHash } from "node:crypto";
import { badName, nameCollision, problem, reservedName, type SpecProblem } from "./errors.ts";

/** Tenants, projects, databases, plans, providers: safe in a path, a host name, a label and a stack name. */
export const namePattern = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;
export const isName = (text: string): boolean => namePattern.test(text);

/** What a name stands for; it decides which names are taken. */
export type Named = "tenant" | "project" | "database" | "plan" | "provider" | "secret" | "tag" | "bucket";

/** Folders of `tenants/` and of a tenant that are no tenant and no project; files of a project that are no database. */
const reservedNames: Partial<Record<Named, readonly string[]>> = {
  tenant: ["fleet", "shared"],
  project: ["shared"],
  database: ["project", "tenant", "index", "shared"],
  bucket: ["project", "tenant", "index", "shared"],
};

/** Role and extension names inside a database: what Postgres needs no quotes for. */
const rolePattern = /^[a-z_][a-z0-9_]*$/;
const maxIdentifierBytes = 63;
const reservedRoles = ["postgres", "nebula", "public", "none", "current_user", "session_user", "current_role"];

/** What the objects of one database are called. Injective: two databases never share a name. */
export type ObjectNames = {
  /** The SQL database inside the instance. */
  readonly database: string;
  /** Owns the database; no superuser. */
  readonly ownerRole: string;
  /** At most 50 bytes, a DNS label: Kubernetes objects, cloud identifiers. Ends with a hash of the whole identity. */
  readonly resource: string;
  /** The namespace of the project, at most 50 bytes. */
  readonly namespace: string;
};

export function objectNames(tenant: string, project: string, database: string): ObjectNames {
  const sql = database.replaceAll("-", "_");
  return {
    database: sql,
    ownerRole: `${sql}_owner`,
    resource: label([tenant, project, database]),
    namespace: label([tenant, project]),
  };
}

/** Parts joined and cut, with a hash of the uncut parts: `a-b` + `c` and `a` + `b-c` differ, and so do long twins. */
function label(parts: readonly string[]): string {
  const hash = createHash("sha256").update(parts.join("/")).digest("hex").slice(0, 8);
  return `${parts.join("-").slice(0, 41).replace(/-+$/, "")}-${hash}`;
}

/** What is wrong with a name of a tenant, project or database; undefined when nothing is. */
export function nameProblem(
  what: Named,
  name: string,
  path: readonly (string | number)[] = ["name"],
): SpecProblem | undefined {
  if (!isName(name)) return problem(badName, path, `${shown(name)} cannot be the name of a ${what}`);
  if (reservedNames[what]?.includes(name))
    return problem(reservedName, path, `"${name}" cannot be the name of a ${what}`);
  return undefined;
}

/** Checks role names together: their form, reserved ones, the owner's, and twins in the first 63 bytes. */
export function roleProblems(database: string, names: readonly string[]): SpecProblem[] {
  const owner = objectNames("t", "p", database).ownerRole;
  const problems: SpecProblem[] = [];
  const seen = new Map<string, string>();
  names.forEach((name, index) => {
    const path = ["roles", index, "name"];
    const kept = firstBytes(name);
    const twin = seen.get(kept);
    if (!rolePattern.test(name))
      problems.push(
        problem(badName, path, `${shown(name)} cannot be the name of a role`, "Use lower-case letters, digits and _."),
      );
    else if (name.startsWith("pg_") || reservedRoles.includes(name))
      problems.push(problem(reservedName, path, `the role name "${name}" is reserved`));
    else if (twin !== undefined && twin !== name)
      problems.push(problem(nameCollision, path, `the roles ${shown(twin)} and ${shown(name)} are one in 63 bytes`));
    else if (kept === owner)
      problems.push(problem(reservedName, path, `"${owner}" is the role that owns the database and is made for you`));
    else if (Buffer.byteLength(name) > maxIdentifierBytes)
      problems.push(
        problem(badName, path, `the role name ${shown(name)} is longer than 63 bytes`, "Shorten it to 63 bytes."),
      );
    seen.set(kept, name);
  });
  return problems;
}

/** What Postgres keeps of an identifier. */
export const firstBytes = (name: string): string =>
  Buffer.from(name)
    .subarray(0, maxIdentifierBytes)
    .toString("utf8")
    .replace(/\uFFFD$/, "");

/** A declared text in a message: quoted, cut, without control characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The known word nearest to a misspelt one, for hints. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3))
    ? best.candidate
    : undefined;
}

function editDistance(a: string, b: string): number {
  if (a.length > 40) return a.length;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, x] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, y] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (x === y ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? b.length;
}

/** Words that stand on invoices, in mails and in terminals: nothing that ends a line, steers a terminal or turns the direction of what follows. */
export const oneLine = /^[^\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]*$/u;
