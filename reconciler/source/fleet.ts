import pLimit from "p-limit";
import type { Evaluator, FileSet, Inputs } from "../../platform/evaluate/index.ts";
import type { Git } from "../../platform/git/index.ts";
import { canonicalJson, type DeclarationProblem, type FleetSpec, type TenantSpec } from "../../platform/spec/index.ts";
import { type FleetRow, getFleet, putFleet, type RepositoryRow } from "../../platform/store/index.ts";
import { pathsOf, readFiles, type Snapshot } from "./snapshot.ts";
import type { SourceParts } from "./sync.ts";
import { isAuthority, type Strange, type Trace } from "./trace.ts";
import { underLease } from "./under-lease.ts";

/** Fleet and tenants of one tree, as far as they evaluate: the authority that a change is held to. */
export type AuthoritySpecs = {
  readonly fleet: FleetSpec | null;
  readonly tenants: readonly TenantSpec[];
  readonly problems: readonly DeclarationProblem[];
};

/** Evaluates tenants/fleet/ and every tenant.ts. The evaluator's cache makes an unchanged one cheap. */
export async function readAuthority(git: Git, snapshot: Snapshot, evaluator: Evaluator): Promise<AuthoritySpecs> {
  const all = [...(snapshot.fleet === null ? [] : [snapshot.fleet]), ...snapshot.tenants.values()];
  const texts = await readFiles(git, snapshot, all.flatMap(pathsOf));
  const limit = pLimit(2);
  const [fleet, ...tenants] = await Promise.all([
    evaluator.fleet(snapshot.fleet === null ? new Map() : only(texts, snapshot.fleet)),
    ...[...snapshot.tenants].map(([tenant, inputs]) => limit(() => evaluator.tenant(only(texts, inputs), tenant))),
  ]);
  return {
    fleet: fleet.kind === "ok" ? fleet.spec : null,
    tenants: tenants.flatMap((one) => (one.kind === "ok" ? [one.spec] : [])),
    problems: [fleet, ...tenants].flatMap((one) => (one.kind === "invalid" ? one.problems : [])),
  };
}

/**
 * The fleet in force as of a commit. A text that does not evaluate changes nothing: the last good fleet and the last good
 * tenants stay, with the problems beside them. One that says something else and that nobody reviewed is held: who may do what is
 * not changed by a push past the review.
 * @returns `row` undefined when there never was a good one.
 */
export async function currentFleet(
  parts: SourceParts,
  at: {
    readonly git: Git;
    readonly snapshot: Snapshot;
    readonly repository: RepositoryRow;
    readonly commit: string;
    readonly trace: Promise<Trace>;
  },
): Promise<FleetInForce | { readonly kind: "held"; readonly strange: Strange }> {
  const { sql, evaluator } = parts;
  const { repository, snapshot, commit } = at;
  const last = await getFleet(sql, repository.id);
  if (last?.inputs === snapshot.authorityHash) return { kind: "in-force", row: last, problems: last.problems };
  const { fleet, tenants, problems } = await readAuthority(at.git, snapshot, evaluator);
  const inForce = fleet ?? last?.fleet;
  if (inForce === undefined) return { kind: "in-force", row: undefined, problems };
  const row: FleetRow = {
    repository: repository.id,
    commit: fleet === null ? (last?.commit ?? commit) : commit,
    inputs: snapshot.authorityHash,
    fleet: inForce,
    tenants: keepBroken(tenants, last?.tenants ?? [], snapshot),
    problems,
  };
  const strange = last === undefined || saysTheSame(last, row) ? undefined : strangeAuthority(last, await at.trace);
  if (strange !== undefined) return { kind: "held", strange };
  await underLease(parts, repository, (tx) => putFleet(tx, row));
  return { kind: "in-force", row, problems };
}

export type FleetInForce = {
  readonly kind: "in-force";
  readonly row: FleetRow | undefined;
  readonly problems: readonly DeclarationProblem[];
};

const saysTheSame = (last: FleetRow, next: FleetRow): boolean =>
  canonicalJson([last.fleet, last.tenants]) === canonicalJson([next.fleet, next.tenants]);

/** The rule of the fleet that is in force decides, not that of the text in question. */
function strangeAuthority({ fleet }: FleetRow, { strange }: Trace): Strange | undefined {
  if (fleet.policies.unreviewed === "deploy") return undefined;
  return strange.find(({ paths }) => paths.some(isAuthority));
}

/** A tenant whose new text is broken keeps its old one; one whose file is gone is gone. */
function keepBroken(
  good: readonly TenantSpec[],
  last: readonly TenantSpec[],
  { tenants: declared }: Snapshot,
): TenantSpec[] {
  const names = new Set(good.map(({ tenant }) => tenant));
  const kept = last.filter(({ tenant }) => !names.has(tenant) && declared.has(tenant));
  return [...good, ...kept].sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
}

const only = (texts: FileSet, inputs: Inputs): FileSet =>
  new Map(pathsOf(inputs).map((path) => [path, texts.get(path) ?? ""]));
