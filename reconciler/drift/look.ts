import type { ComputeDriver, InstanceInside } from "../../platform/compute/index.ts";
import { asNebulaError, type Secret, type Vault } from "../../platform/core/index.ts";
import { objectNames } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { credentialContext, type DriftCandidate, listCredentials } from "../../platform/store/index.ts";
import { type Difference, driftOf, type Observed } from "./drift-of.ts";

export type LookParts = {
  readonly sql: Sql;
  readonly vault: Pick<Vault, "open">;
  readonly driver: Pick<ComputeDriver, "facts" | "inspect">;
  /** What the schema of a running database has otherwise than its migrations give, in lines; undefined where nobody can say. */
  readonly schemaOf?: (id: DriftCandidate["id"]) => Promise<readonly string[] | undefined>;
};

export type Looked = {
  readonly candidate: DriftCandidate;
  /** The server answered every question. */
  readonly inspected: boolean;
  /** Why it did not, although it should have. */
  readonly problem: string | null;
  readonly identity: string | null;
  readonly differences: readonly Difference[];
};

/** One look at one database. Reads; starts nothing, wakes nobody. */
export async function lookAt(parts: LookParts, candidate: DriftCandidate, inside: boolean): Promise<Looked> {
  const facts = candidate.made === null ? undefined : await readFacts(parts, candidate);
  const runs = typeof facts === "object" && facts.phase === "Ready";
  const seen = inside && runs ? await lookInside(parts, candidate) : nothing;
  const differences = [...driftOf(candidate, { facts, inside: seen.inside }), ...schemaDifferences(seen.schema)];
  const identity = typeof facts === "object" && facts.identity === facts.folderIdentity ? facts.identity : null;
  // What cannot be asked now (it sleeps, it is paused) was looked at as far as it can be.
  const inspected = inside && seen.problem === null && (!runs || seen.inside !== undefined);
  return { candidate, inspected, problem: seen.problem, identity, differences };
}

async function readFacts({ driver }: LookParts, { id }: DriftCandidate): Promise<Observed["facts"]> {
  try {
    return await driver.facts(id);
  } catch (thrown) {
    if (asNebulaError(thrown).code === "NEB356") return "unreadable";
    throw thrown;
  }
}

type Seen = {
  readonly inside: InstanceInside | "refused" | "no database" | undefined;
  readonly problem: string | null;
  readonly schema?: readonly string[] | undefined;
};
const nothing: Seen = { inside: undefined, problem: null };

/** So many lines are told; whoever wants all of them asks for the difference itself. */
const mostLines = 40;

/** Changed by hand: what is to become of it - a migration, or its undoing - is for a person to say. */
const schemaDifferences = (lines: readonly string[] = []): readonly Difference[] => {
  const [declared, observed] = ["as its migrations give it", lines.slice(0, mostLines)];
  return lines.length === 0 ? [] : [{ path: "schema", declared, observed, effect: "by hand", inside: true }];
};

/** A server that goes away under the question was not looked into: that is no difference, and it is asked again. */
async function lookInside(parts: LookParts, { id, made }: DriftCandidate): Promise<Seen> {
  const { sql, vault, driver, schemaOf } = parts;
  try {
    const inside = await driver.inspect(id, await passwordsOf(sql, vault, id, made));
    const migrated = inside !== undefined && made?.spec.migrations !== undefined;
    return { inside, problem: null, schema: migrated ? await schemaOf?.(id) : undefined };
  } catch (thrown) {
    const { code, message } = asNebulaError(thrown);
    if (code === "NEB355") return { inside: "refused", problem: null };
    if (code === "NEB356") return { inside: "no database", problem: null };
    return { inside: undefined, problem: `${code} ${message}` };
  }
}

/** The passwords that NebulaDB gives out for this database: of its owner, and of the roles that log in. */
async function passwordsOf(
  sql: Sql,
  vault: Pick<Vault, "open">,
  id: DriftCandidate["id"],
  made: DriftCandidate["made"],
): Promise<ReadonlyMap<string, Secret>> {
  const [tenant = "", project = "", name = ""] = id.split(".");
  const { ownerRole } = objectNames(tenant, project, name);
  const roles = [ownerRole, ...(made?.spec.roles ?? []).filter(({ login }) => login).map((role) => role.name)];
  const sealed = await listCredentials(sql, id);
  return new Map(
    sealed
      .filter(({ role }) => roles.includes(role))
      .map(({ role, passwordSealed }) => [role, vault.open(passwordSealed, credentialContext(id, role))]),
  );
}
